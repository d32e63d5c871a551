package content

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLRUForgetsWhatWasUsedLeastRecently(t *testing.T) {
	t.Parallel()
	c := newLRU[string, int](10)
	c.put("a", 1, 4)
	c.put("b", 2, 4)
	_, ok := c.get("a") // now b is the older one
	require.True(t, ok)
	c.put("c", 3, 4)
	_, ok = c.get("b")
	require.False(t, ok, "the costs exceed the limit: the least recently used one goes")
	v, ok := c.get("a")
	require.True(t, ok)
	require.Equal(t, 1, v)
	require.EqualValues(t, 8, c.cost)

	c.put("a", 5, 1)
	v, _ = c.get("a")
	require.Equal(t, 5, v)
	require.EqualValues(t, 5, c.cost, "a value that is put again is counted once")

	c.put("huge", 9, 11)
	_, ok = c.get("huge")
	require.False(t, ok)
	_, ok = c.get("a")
	require.True(t, ok, "what cannot be kept drives nothing out")

	c.remove("a")
	c.remove("a")
	c.clear()
	require.Zero(t, c.cost)
	_, ok = c.get("c")
	require.False(t, ok)
}
