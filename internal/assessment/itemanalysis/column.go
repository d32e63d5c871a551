package itemanalysis

// column holds one value for each learner. Marks and choices take few distinct
// values, so a cell is a number into a dictionary: two bytes, four once there
// are more than 65,536 values.
type column[T comparable] struct {
	values []T
	index  map[T]uint32
	narrow []uint16
	wide   []uint32
}

func newColumn[T comparable]() *column[T] { return &column[T]{index: map[T]uint32{}} }

func (c *column[T]) add(v T) {
	code, known := c.index[v]
	if !known {
		code = uint32(len(c.values))
		c.values = append(c.values, v)
		c.index[v] = code
	}
	if c.wide == nil && code > 1<<16-1 {
		c.widen()
	}
	if c.wide != nil {
		c.wide = append(c.wide, code)
		return
	}
	c.narrow = append(c.narrow, uint16(code))
}

func (c *column[T]) widen() {
	c.wide = make([]uint32, len(c.narrow), 2*len(c.narrow))
	for i, code := range c.narrow {
		c.wide[i] = uint32(code)
	}
	c.narrow = nil
}

func (c *column[T]) at(i int) T {
	if c.wide != nil {
		return c.values[c.wide[i]]
	}
	return c.values[c.narrow[i]]
}
