#!/bin/sh
cd "$(dirname "$0")/../.." && exec go test ./tests/drill -run TestExtraction -v -count=1 "$@"
