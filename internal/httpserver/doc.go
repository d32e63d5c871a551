// Package httpserver is the platform's HTTP front: huma on chi with what every
// route needs. A module lists its routes with Handle and Raw; the server gives
// each of them its permission check, limits, load shedding, problems
// (RFC 9457), Idempotency-Key, traces, metrics and a place in the OpenAPI
// description. Operations get a listener of their own, see OpsHandler.
package httpserver
