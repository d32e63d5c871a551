package main

import "context"

func splits(context.Context, *bench) ([]result, error) { return nil, nil }
