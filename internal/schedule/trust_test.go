package schedule

import "testing"

func TestTrust(t *testing.T) {
	var trust Trust
	if trust.Complete(Believed + 1) {
		t.Error("an unproven length is believed")
	}
	trust.Prove(200)
	if !trust.Complete(200) || trust.Complete(201) {
		t.Errorf("%+v: want 200 believed and 201 not", trust)
	}
	trust.Cut(500)
	if trust.aim(1000) != 250 || trust.Complete(500) {
		t.Errorf("%+v: want an aim of 250 under a cap of 500", trust)
	}
	trust.Prove(501)
	if trust.Cap != 0 || trust.aim(1000) != 1000 {
		t.Errorf("%+v: an answer of 501 refutes a cap of 500", trust)
	}
}
