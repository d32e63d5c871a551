.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Start the platform with an embedded database and a demo course
	go run ./cmd/platform

.PHONY: test
test: ## Run every test
	go test ./...

.PHONY: race
race: ## Run the tests with the race detector
	go test -race -short ./...

.PHONY: check
check: ## Format, vet and lint
	gofmt -l $$(git ls-files '*.go')
	go vet ./...
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

.PHONY: generate
generate: ## Write docs/openapi.json, docs/asyncapi.json and docs/modules from the code
	go run ./cmd/platform docs --dir docs

.PHONY: bench
bench: ## Measure, as ratios to yardsticks taken in the same run
	go run ./bench

.PHONY: build
build: ## Build bin/platform
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/platform ./cmd/platform
