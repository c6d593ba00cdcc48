package worker_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
)

// modelSeeds is how many random worlds are lived in, and modelSeed is the first, unless the environment says otherwise.
const (
	modelSeeds    = 4
	modelSeed     = 1
	modelSeedsVar = "ATTEMPTSTREAM_TEST_SEEDS" // such as 200
	modelSeedVar  = "ATTEMPTSTREAM_TEST_SEED"
)

func fromEnvironment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Random lives, read by workers with random settings that are stopped and killed at random moments, from an API with a
// random character through a network that loses things: what is in Kafka is what happened.
func TestVirtualModel(t *testing.T) {
	first := fromEnvironment(t, modelSeedVar, modelSeed)
	for seed := first; seed < first+fromEnvironment(t, modelSeedsVar, modelSeeds); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := newModel(uint64(seed))
			inVirtualTime(t, m.api, m.play)
		})
	}
}

// A model is one random world.
type model struct {
	random *rand.Rand
	api    imochasim.Config
	lives  imochasim.Lives
	piece  int // as a virtualWorld has it
	// Of a request to Kafka.
	latency time.Duration
	lose    float64
}

func newModel(seed uint64) *model {
	r := rand.New(rand.NewPCG(seed, 9))
	m := &model{random: r, lives: quietLives(seed), piece: []int{0, 1, 5000}[seed%3], latency: time.Duration(r.Int64N(int64(200 * time.Millisecond))), lose: .02 * r.Float64()}
	m.api = imochasim.Config{Seed: seed, Boundary: imochasim.Boundaries()[r.IntN(4)], Duplicates: .02 * r.Float64()}
	m.api.Latency = imochasim.Latency{Fixed: 20 * time.Millisecond, Random: time.Duration(1 + r.Int64N(int64(3*time.Second)))}
	if r.IntN(2) == 0 {
		m.api.Cap, m.api.CapNewest = 35+r.IntN(100), r.IntN(2) == 0
	}
	switch r.IntN(3) {
	case 0:
		m.api.Faults = imochasim.EveryFault(.1 * r.Float64())
	case 1:
		m.api.Faults = imochasim.PassingFaults(.2 * r.Float64())
	}
	m.lives.PerDay *= 1 + r.Float64()
	m.lives.Late, m.lives.LateBy = .2*r.Float64(), time.Duration(m.lives.Speed*float64(3*time.Hour))
	m.lives.ComeBacks, m.lives.Resent, m.lives.Quick = r.Float64(), r.Float64(), .2*r.Float64()
	m.lives.SubSecond = r.Float64()
	return m
}

// How long something happens in a model, and how long it lasts.
const busyFor, modelEnd = 20 * time.Hour, 25 * time.Hour

func (m *model) play(w *virtualWorld) {
	w.schedule.PollInterval = time.Duration(120+m.random.IntN(1200)) * time.Second
	w.schedule.SettleDelay = time.Duration(5+m.random.IntN(90)) * time.Second
	w.schedule.LookbackInterval = 30 * time.Minute
	w.piece = m.piece
	w.schedule.WindowAttempts = 20 + m.random.IntN(500)
	w.populate(account, m.lives, busyFor)
	apart := m.random.IntN(3) == 0
	if apart {
		m.separate(w)
	}
	stopped, killed := 0, 0
	for w.until(busyFor+time.Hour) > 0 {
		if m.run(w) {
			killed++
		} else {
			stopped++
		}
	}
	if err := w.sim.SetFaults(imochasim.Faults{}); err != nil {
		w.Fatal(err)
	}
	w.kafka = nil
	now := w.runFor(w.until(modelEnd)).progressOf(account)
	if behind := time.Since(now.Through); now.Gaps > 0 || behind > w.schedule.PollInterval+w.schedule.SettleDelay+time.Minute {
		w.Errorf("in the end what is covered is %s behind, with %d gaps; %s", behind, now.Gaps, now.Problem)
	}
	// What is up to four hours old is read again every two hours.
	scope := w.scope(now, time.Now().Add(-130*time.Minute))
	scope.Gaps = apart
	events := w.verify(account, scope)
	if killed == 0 || stopped == 0 || countLate(events) == 0 {
		w.Logf("%d processes killed, %d stopped, %d events late: this world shows little", killed, stopped, countLate(events))
	}
}

// separate lets single states fail for a while, and single seconds of them until the end.
func (m *model) separate(w *virtualWorld) {
	w.Helper()
	faults := m.api.Faults
	for range 1 + m.random.IntN(4) {
		state := attempt.States()[m.random.IntN(3)]
		from := w.began.Add(m.duration(busyFor / 2))
		faults.Outages = append(faults.Outages, imochasim.Outage{State: state, From: from, To: from.Add(m.duration(time.Hour))})
		second := attempt.InstantOf(w.began.Add(time.Duration(m.random.Int64N(int64(busyFor)))))
		faults.Poisoned = append(faults.Poisoned, imochasim.Poisoned{State: state, Second: second})
		change := imochasim.Change{ID: int64(second), Status: "Completed", At: second.Time()}
		if err := w.sim.Add(string(account), change); err != nil {
			w.Fatal(err)
		}
	}
	if err := w.sim.SetFaults(faults); err != nil {
		w.Fatal(err)
	}
}

// run lets one worker live until it is stopped, or killed at any moment or at any request to Kafka.
func (m *model) run(w *virtualWorld) (killed bool) {
	link := &weakLink{latency: m.latency, lose: m.lose, random: rand.New(rand.NewPCG(m.random.Uint64(), 0)), fuse: -1}
	dead := make(chan struct{})
	link.cut = sync.OnceFunc(func() { close(dead) })
	from := time.Now().Add(m.duration(2 * time.Hour))
	back := from.Add(m.duration(4 * time.Minute))
	link.away = func(t time.Time) bool { return t.After(from) && t.Before(back) }
	w.kafka = func(t kafka.RoundTripper) kafka.RoundTripper { link.RoundTripper = t; return link }
	length := min(m.duration(3*time.Hour), w.until(busyFor+time.Hour))
	way := m.random.IntN(3)
	if way == 0 {
		link.fuse = m.random.IntN(300)
	}
	p := w.start()
	select {
	case <-dead:
		killed = true
	case <-time.After(length):
		if killed = way == 1; killed {
			link.kill()
		}
	}
	if err := p.end(); errors.Is(err, kafkatx.ErrFenced) && time.Since(from) > transactionTimeout {
		return true // Kafka was away for so long that it ended the transaction, which the worker cannot tell from another owner
	} else if err != nil {
		w.Fatalf("the worker failed: %v", err)
	}
	return killed
}

// duration is a random one with the given mean.
func (m *model) duration(mean time.Duration) time.Duration {
	return time.Duration(m.random.ExpFloat64() * float64(mean))
}
