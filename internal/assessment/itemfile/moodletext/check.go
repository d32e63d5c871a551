package moodletext

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// Check makes sure that an item can be scored once it has an id.
func Check(item event.ItemV1) error {
	item.ItemID = uuid.Max
	if _, err := scoring.Parse(item); err != nil {
		return fmt.Errorf("it cannot be scored here: %w", err)
	}
	return nil
}
