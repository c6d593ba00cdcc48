package schedule

import "testing"

func TestTrust(t *testing.T) {
	var trust Trust
	if trust.Complete(Believed + 1) {
		t.Error("an unproven length is believed")
	}
	trust.Prove(200)
	if !trust.Complete(199) || trust.Complete(200) {
		t.Errorf("%+v: want 199 believed, and not 200, which may be where answers are cut", trust)
	}
	trust.Cut(500)
	if trust.aim(1000) != 250 || trust.Complete(500) || !trust.Complete(199) {
		t.Errorf("%+v: want an aim of 250 under a cap of 500", trust)
	}
	trust.Prove(501)
	if trust.Cap != 0 || trust.aim(1000) != 1000 {
		t.Errorf("%+v: an answer of 501 refutes a cap of 500", trust)
	}
}
