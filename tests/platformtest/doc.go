// Package platformtest runs the platform as its users do, as a process of its
// own, and speaks to it over HTTP alone. It starts, kills and restarts it, reads
// the mail that it sends, and looks into its database only for what no route
// tells: that nothing was lost and nothing was left behind.
package platformtest
