package schedule

// Believed is the length of an answer that is taken for complete without proof. Nobody offers an API that cuts its
// answers at ten entries, and proofs of such short ones would only cost requests.
const Believed = 10

// Trust is what is known of how long the API's answers can be. The API does not say whether it cuts long ones, so length
// proves nothing until it has been seen that the two halves of a window show no more than the whole. Even then an answer of
// just that length may be one that was cut there; what is shorter was not.
type Trust struct {
	// Proven is the greatest length that was proven to be complete.
	Proven int `json:"proven,omitempty"`
	// Cap is the length at which an answer was found to be cut, 0 if none was.
	Cap int `json:"cap,omitempty"`
}

// Complete tells whether an answer of n entries needs no proof.
func (t *Trust) Complete(n int) bool { return n < t.Proven || n <= Believed }

// Prove notes that an answer of n entries was complete. One that is longer than the cap refutes the cap.
func (t *Trust) Prove(n int) {
	t.Proven = max(t.Proven, n)
	if t.Proven > t.Cap {
		t.Cap = 0
	}
}

// Cut notes that an answer of n entries was not complete. Longer ones that were are from before a change of the API.
func (t *Trust) Cut(n int) {
	t.Cap = n
	t.Proven = min(t.Proven, n)
}

// aim is the length that answers should stay under.
func (t *Trust) aim(wanted int) int {
	if t.Cap != 0 {
		wanted = min(wanted, t.Cap/2)
	}
	return max(wanted, 2)
}
