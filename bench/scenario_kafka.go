package main

import "context"

func eventsOnKafka(context.Context, *bench) ([]result, error) { return nil, nil }
