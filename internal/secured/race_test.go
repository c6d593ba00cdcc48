//go:build race

package secured_test

const race = true
