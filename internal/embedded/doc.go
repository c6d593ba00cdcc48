// Package embedded is the broker inside the worker.
package embedded
