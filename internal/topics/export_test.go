package topics

// EnsureWithin is Ensure with another patience for topics that do not show.
var EnsureWithin = ensure
