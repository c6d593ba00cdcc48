//go:build linux

package soak_test

import (
	"math"
	"slices"
	"time"
)

const (
	// slices of a run: each is as long as some saw-teeth, and enough of them make a trend.
	sliceCount = 24
	// fewestSlices is how many of them a figure must have been seen in, in either half.
	fewestSlices = 4
	// tolerated is the share of a figure by which it may grow.
	tolerated = .1
	// noises is how many times the noise a growth must be to be one.
	noises = 3
)

// A sample is a figure at a time since the run's beginning.
type sample struct {
	at    time.Duration
	value float64
	aside bool // it was taken while something out of the ordinary went on, and says nothing of a trend
}

// A trend is what became of a figure.
type trend struct {
	first, last float64 // medians of the first and the last quarter
	most        float64
	growth      float64 // over the whole time, by its trend
	allowed     float64
	grows       bool
	unseen      bool // there are too few samples to say anything
}

// judge says whether a figure grows in a span of time. floor is a growth that means nothing.
func judge(samples []sample, from, to time.Duration, floor float64) trend {
	samples = slices.Clone(samples)
	samples = slices.DeleteFunc(samples, func(s sample) bool { return s.at < from || s.at > to })
	most := math.Inf(-1)
	for _, s := range samples {
		most = max(most, s.value)
	}
	samples = slices.DeleteFunc(samples, func(s sample) bool { return s.aside })
	quarter, half := (to-from)/4, from+(to-from)/2
	points := medians(samples, from, to)
	late := slices.Clone(points)
	late = slices.DeleteFunc(late, func(s sample) bool { return s.at < half })
	v := trend{
		first: median(valuesOf(samples, from, from+quarter)),
		last:  median(valuesOf(samples, to-quarter, to)),
		most:  most,
	}
	if len(late) < fewestSlices || len(points)-len(late) < fewestSlices {
		v.unseen = true
		return v
	}
	whole, noise := slope(points)
	v.growth = whole * (to - from).Seconds()
	v.allowed = max(tolerated*math.Abs(v.first), floor, noises*noise)
	// The second half alone, as if it were the whole: a step is over, a leak is not. It has half of the points over half of the
	// time, so the same noise makes its slope less sure.
	end, _ := slope(late)
	v.grows = v.growth > v.allowed && end*(to-from).Seconds() > v.allowed/2
	return v
}

// medians are one sample for each slice in which there are any.
func medians(samples []sample, from, to time.Duration) []sample {
	var out []sample
	width := (to - from) / sliceCount
	for i := range sliceCount {
		start := from + time.Duration(i)*width
		if in := valuesOf(samples, start, start+width); len(in) > 0 {
			out = append(out, sample{at: start + width/2, value: median(in)})
		}
	}
	return out
}

// slope is how much the figure grows in a second (Theil and Sen: the median of the slopes of all pairs, which a third of
// samples that are wrong cannot move far), and how far samples lie from that line.
func slope(points []sample) (perSecond, noise float64) {
	var all []float64
	for i, a := range points {
		for _, b := range points[i+1:] {
			all = append(all, (b.value-a.value)/(b.at-a.at).Seconds())
		}
	}
	perSecond = median(all)
	var offsets []float64
	for _, p := range points {
		offsets = append(offsets, p.value-perSecond*p.at.Seconds())
	}
	middle := median(offsets)
	for i := range offsets {
		offsets[i] = math.Abs(offsets[i] - middle)
	}
	return perSecond, 1.4826 * median(offsets) // a standard deviation, if the noise is normal
}

func valuesOf(samples []sample, from, to time.Duration) []float64 {
	var out []float64
	for _, s := range samples {
		if from <= s.at && s.at <= to {
			out = append(out, s.value)
		}
	}
	return out
}

// median of no values is no number.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	values = slices.Sorted(slices.Values(values))
	return (values[(n-1)/2] + values[n/2]) / 2
}
