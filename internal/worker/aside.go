package worker

// aside calls f in a goroutine of its own and waits for it. What the stack of that goroutine grows to ends with it, so that the
// caller's stays small: many accounts wait for their next polls most of the time.
func aside[T any](f func() (T, error)) (result T, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = f()
	}()
	<-done
	return result, err
}
