package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lyceum-lms/platform/internal/app"
)

type extractCmd struct {
	Module string `arg:"" help:"Module to take out, such as assessment."`

	Plan bool   `xor:"what" help:"Print the steps, and what is met or missing in the present configuration. Exit code 1 if something is missing."`
	To   string `help:"With --plan: server that the data are to move to, as its administrator." placeholder:"URL"`

	MoveTo   string        `help:"Move the module's schema to this server, as its administrator." placeholder:"URL"`
	From     string        `help:"Server to move it from, as its administrator. Default: that of the configuration." placeholder:"URL"`
	FromSeen string        `name:"from-as-seen" help:"The same as the target's server reaches it, where that differs." placeholder:"URL"`
	Method   string        `default:"logical" enum:"logical,dump" help:"How: ${enum}. Default: ${default}."`
	MaxPause time.Duration `default:"${max_pause}" help:"Longest pause for writers: a move that would need more is given up, and the old side goes on. From 10 s on writers get errors. Default: ${default}."`

	Abort      bool `xor:"what" help:"With --move-to: give a move up that is not finished. The old side serves again."`
	TargetLost bool `help:"With --abort: the target is gone for good. Only if it has never served: what was written there is lost."`
	Login      bool `xor:"what" help:"With --move-to: print the module's own login there, a secret, for --MODULE-database-url of the process that waits for the move."`
}

func (e extractCmd) Run(ctx context.Context, c app.Config) error {
	switch {
	case e.TargetLost && !e.Abort:
		return errors.New("--target-lost goes with --abort")
	case e.Login && e.MoveTo != "":
		login, err := app.ModuleLogin(c, e.Module, e.MoveTo)
		if err != nil {
			return err
		}
		fmt.Println(login)
		return nil
	case e.MoveTo != "" && !e.Plan:
		return app.Relocate(ctx, c, app.Relocation{
			Module: e.Module, From: e.From, To: e.MoveTo, FromAsSeen: e.FromSeen, Method: e.Method, MaxPause: e.MaxPause,
			Abort: e.Abort, TargetLost: e.TargetLost,
		}, os.Stdout)
	case e.Plan && e.MoveTo == "":
		return app.Plan(ctx, c, e.Module, e.To, os.Stdout)
	}
	return errors.New("say what to do: --plan, or --move-to URL")
}
