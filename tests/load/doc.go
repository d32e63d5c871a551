// Package load is a number of learners who work at the platform at the same time
// and keep a record of all that it has acknowledged. When they have ended, the
// record is compared with what is there: nothing lost, nothing twice.
//
// A test begins the load, does to the platform what it is about while it awaits
// answers, ends the load, and verifies:
//
//	l := load.New(t, platform, load.Options{})
//	l.Begin()
//	l.AwaitAnswers(100)
//	platform.Kill()
//	platform.Restart(t)
//	l.AwaitAnswers(100)
//	l.End()
//	t.Log(l.Figures())
//	l.Verify(load.SiteOf(t, platform))
package load
