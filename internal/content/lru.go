package content

import (
	"container/list"
	"sync"
)

// lru keeps what was used last, up to a total cost. It is safe for concurrent
// use.
type lru[K comparable, V any] struct {
	mu      sync.Mutex
	limit   int64
	cost    int64
	recent  *list.List // of *lruEntry[K, V], the last used first
	entries map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

func newLRU[K comparable, V any](limit int64) *lru[K, V] {
	return &lru[K, V]{limit: limit, recent: list.New(), entries: map[K]*list.Element{}}
}

func (c *lru[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		var none V
		return none, false
	}
	c.recent.MoveToFront(e)
	return e.Value.(*lruEntry[K, V]).value, true
}

// put keeps the value unless it alone exceeds the limit.
func (c *lru[K, V]) put(key K, value V, cost int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(key)
	if cost > c.limit {
		return
	}
	c.entries[key] = c.recent.PushFront(&lruEntry[K, V]{key: key, value: value, cost: cost})
	c.cost += cost
	for c.cost > c.limit {
		c.removeLocked(c.recent.Back().Value.(*lruEntry[K, V]).key)
	}
}

func (c *lru[K, V]) remove(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(key)
}

func (c *lru[K, V]) removeLocked(key K) {
	if e, ok := c.entries[key]; ok {
		c.cost -= e.Value.(*lruEntry[K, V]).cost
		c.recent.Remove(e)
		delete(c.entries, key)
	}
}

// clear forgets everything.
func (c *lru[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent.Init()
	clear(c.entries)
	c.cost = 0
}
