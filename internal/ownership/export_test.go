package ownership

// Generation is that of the group in which this worker was counted in last.
func (g *Group) Generation() int32 {
	_, generation := g.identity()
	return generation
}
