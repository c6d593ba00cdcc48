// Package topics creates and checks the three topics that a worker writes to.
package topics
