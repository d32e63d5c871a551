//go:build race

package platformtest

const raceDetector = true
