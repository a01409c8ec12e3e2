package store

import "github.com/ristmik/ristmik/centralserver/internal/doorkey"

// DoorKey is the port of package doorkey.
func (s *Store) DoorKey() doorkey.Store {
	return port[doorkey.Tx]{s, func(t *Tx) doorkey.Tx { return t }}
}
