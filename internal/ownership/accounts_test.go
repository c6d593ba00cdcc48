package ownership

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// The leader names the partitions of which members know different numbers, and the numbers: once, again when they are others or
// a while has passed, and says when it is over.
func TestSayUnequal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		g := New(Config{Accounts: []int{1, 1, 1}, Log: zap.New(core)})
		say := func(lines int, a, b []int) {
			t.Helper()
			members := []candidate{{id: "b", partitions: 3, accounts: b}, {id: "a", partitions: 3, accounts: a}, {id: "other", partitions: 4, accounts: []int{9}}}
			g.sayUnequal(members, balance(members).unequal)
			if n := logs.Len(); n != lines {
				t.Fatalf("%d lines, want %d: %v", n, lines, logs.All())
			}
		}
		say(0, []int{1, 1, 1}, []int{1, 1, 1})
		say(1, []int{1, 2, 1}, []int{1, 1, 3})
		want := "partition 1: 2 at a, 1 at b; partition 2: 1 at a, 3 at b"
		if got := logs.All()[0]; got.ContextMap()["accounts"] != want || got.Level != zap.WarnLevel || !strings.Contains(got.Message, "IMOCHA_ACCOUNTS_FILE") {
			t.Errorf("the log says %+v, want %q", got, want)
		}
		say(1, []int{1, 2, 1}, []int{1, 1, 3})
		say(2, []int{1, 2, 1}, []int{1, 1, 1})
		time.Sleep(sayUnequalAgain)
		say(3, []int{1, 2, 1}, []int{1, 1, 1})
		say(4, []int{1, 2, 1}, []int{1, 2, 1})
		if got := logs.All()[3]; got.Level != zap.InfoLevel {
			t.Errorf("when it is over the log says %+v", got)
		}
		say(4, []int{1, 2, 1}, []int{1, 2, 1})
		say(5, []int{1, 2, 1}, []int{1, 1, 1})
	})
}
