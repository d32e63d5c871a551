package upstream

import (
	"sync"
	"sync/atomic"
)

// places bound how many are inside at the same time. Nobody waits.
type places struct {
	most   int64
	inside atomic.Int64
}

func (p *places) enter() bool {
	if p.inside.Add(1) > p.most {
		p.inside.Add(-1)
		return false
	}
	return true
}

func (p *places) leave() { p.inside.Add(-1) }

const bufferSize = 32 << 10

// buffers are what answers are copied through.
type buffers struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buffer[:]
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
