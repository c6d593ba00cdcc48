//go:build unix

package upgrade_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
	"attemptstream/internal/stage"
)

// Brokers are upgraded, one of them is taken back, the features of the new version are finalized: workers go on all the
// time, new ones can begin at any time, and nothing is lost or told twice.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	began := time.Now()
	step := func(what string) { t.Logf("%5.1f s: %s", time.Since(began).Seconds(), what) }
	c := kafkatest.Start(t, kafkatest.Brokers(3), kafkatest.Version(kafkatest.Before))
	s := stage.New(t, c.Addrs(), 6)
	workers := []*program.Process{s.Start("run"), s.Start("run")}
	s.Progress(workers...)
	step("workers go on with " + kafkatest.Before)
	upgrade := func(i int, version string) {
		t.Helper()
		c.Upgrade(t, i, version)
		step(fmt.Sprintf("broker %d is %s", i+1, version))
		s.Progress(workers...)
		step("and all accounts go on")
	}
	upgrade(0, kafkatest.Newest)
	newcomer := s.Start("run")
	newcomer.Says(stage.Patience, "account taken over")
	s.Progress(append(workers, newcomer)...)
	step("a worker that begins with both versions has accounts, and all go on")
	check := s.Start("config", "--check")
	check.Wait(0, stage.Patience)
	if !strings.Contains(squeezed(check.Stdout()), "brokers are of Kafka 3.9 and 4.3 or newer, as during a rolling upgrade") {
		t.Errorf("config --check does not say that there are two versions:\n%s", check.Stdout())
	}
	upgrade(1, kafkatest.Newest)
	upgrade(1, kafkatest.Before)
	stage.Stop(newcomer)
	upgrade(1, kafkatest.Newest)
	upgrade(2, kafkatest.Newest)
	finalize(t, s.Admin)
	step("features are finalized")
	s.Progress(workers...)
	step("and all accounts go on")
	c.Kill(0) // what it was the coordinator of, another one reads in the new format
	s.Progress(workers...)
	step("and without the first broker, which was killed")
	stage.Stop(workers...)
	s.Verify()
	step("verified")
	for _, w := range append(workers, newcomer) {
		for line := range strings.Lines(w.Log()) {
			if strings.Contains(line, `"level":"error"`) {
				t.Errorf("a worker complains: %s", line)
			} else if strings.Contains(line, `"level":"warn"`) {
				t.Log(line)
			}
		}
	}
}

// squeezed is text without line ends and indentation.
func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

// finalize does what an operator does when no broker is to become an older version again: all features are set to the
// highest level that every broker supports.
func finalize(t testing.TB, admin *kadm.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stage.Patience)
	defer cancel()
	var versions kadm.BrokersApiVersions
	var err error
	// A broker that has just started answers before the controllers know what it supports: until then they refuse.
	program.Eventually(t, stage.Patience, "the features are taken", func() bool {
		if versions, err = admin.ApiVersions(ctx); err != nil {
			return false
		}
		var done kadm.UpdatedFeatures
		if done, err = admin.UpdateFeatures(ctx, false, newest(versions)...); err == nil {
			err = done.Error()
		}
		return err == nil
	}, func() string { return fmt.Sprint(err) })
	program.Eventually(t, stage.Patience, "every broker has transaction protocol 2", func() bool {
		versions, err = admin.ApiVersions(ctx)
		if err != nil {
			return false
		}
		for _, v := range versions {
			if !slices.ContainsFunc(v.Raw().FinalizedFeatures, func(f kmsg.ApiVersionsResponseFinalizedFeature) bool {
				return f.Name == "transaction.version" && f.MaxVersionLevel == 2
			}) {
				return false
			}
		}
		return true
	}, func() string { return fmt.Sprint(err) })
}

// newest are the newest features of brokers that are all of one version.
func newest(versions kadm.BrokersApiVersions) (updates []kadm.FeatureUpdate) {
	for _, v := range versions {
		for _, f := range v.Raw().SupportedFeatures {
			updates = append(updates, kadm.FeatureUpdate{Feature: f.Name, MaxVersionLevel: f.MaxVersion, UpgradeType: 1})
		}
		break
	}
	return updates
}
