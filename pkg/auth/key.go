package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ristmik/ristmik/pkg/fault"
)

// keyFor is how long a key that was found may be used without asking the database again. A key that is revoked on this server is
// forgotten at once; on another server of the same database within this time.
const keyFor = 2 * time.Second

// Key authenticates by the value of an API key. Fault: Unauthorized.
func (s *Service) Key(ctx context.Context, value string) (*Principal, error) {
	hash := digest(strings.ToLower(value))
	now := s.now()
	key, generation, found := s.cache.get(hash, now)
	if !found {
		var err error
		key, err = s.store.KeyByHash(ctx, hash)
		if errors.Is(err, ErrNotFound) {
			return nil, unauthorized()
		}
		if err != nil {
			return nil, fmt.Errorf("looking up the API key: %w", err)
		}
		s.cache.put(hash, key, now, generation)
	}
	return s.principal("api-key-"+strconv.FormatInt(key.ID, 10), key.Roles, ByKey), nil
}

// CreateKey makes a key with roles and gives its value, a UUID, which is not kept. Only a system administrator grants
// XROAD_MANAGEMENT_SERVICE. Faults: invalid_role, Forbidden.
func (s *Service) CreateKey(ctx context.Context, by *Principal, roles []string) (Key, string, error) {
	valid, err := s.grantable(by, roles)
	if err != nil {
		return Key{}, "", err
	}
	id, err := uuid.NewRandomFromReader(s.rand)
	if err != nil {
		return Key{}, "", fmt.Errorf("making an API key: %w", err)
	}
	key, err := s.store.AddKey(ctx, digest(id.String()), valid)
	if err != nil {
		return Key{}, "", fmt.Errorf("saving the API key: %w", err)
	}
	return key, id.String(), nil
}

// SetKeyRoles replaces the roles of a key. Faults: invalid_role, Forbidden, api_key_not_found.
func (s *Service) SetKeyRoles(ctx context.Context, by *Principal, id int64, roles []string) (Key, error) {
	valid, err := s.grantable(by, roles)
	if err != nil {
		return Key{}, err
	}
	key, err := s.store.SetKeyRoles(ctx, id, valid)
	s.cache.clear()
	return key, keyError(err, id)
}

// RevokeKey removes a key. Fault: api_key_not_found.
func (s *Service) RevokeKey(ctx context.Context, id int64) error {
	err := s.store.RemoveKey(ctx, id)
	s.cache.clear()
	return keyError(err, id)
}

// Keys lists the keys by number.
func (s *Service) Keys(ctx context.Context) ([]Key, error) { return s.store.Keys(ctx) }

// KeyByID gives one key. Fault: api_key_not_found.
func (s *Service) KeyByID(ctx context.Context, id int64) (Key, error) {
	key, err := s.store.KeyByID(ctx, id)
	return key, keyError(err, id)
}

func (s *Service) grantable(by *Principal, names []string) ([]Role, error) {
	roles, err := s.roles(names)
	if err != nil {
		return nil, err
	}
	if slices.Contains(roles, ManagementService) && !slices.Contains(by.Roles, SystemAdministrator) {
		return nil, fault.New(fault.Forbidden, "forbidden", "Only a system administrator may grant %s", ManagementService)
	}
	return roles, nil
}

func keyError(err error, id int64) error {
	if errors.Is(err, ErrNotFound) {
		return fault.New(fault.NotFound, "api_key_not_found", "API key with id %d not found", id)
	}
	return err
}

// keyCache remembers keys that were found; never that one was not. Its zero value is ready.
type keyCache struct {
	mu         sync.Mutex
	generation int // rises with clear, so that a look-up that began before a revocation is not remembered after it
	keys       map[string]cachedKey
}

type cachedKey struct {
	key Key
	at  time.Time
}

func (c *keyCache) get(hash string, now time.Time) (Key, int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.keys[hash]
	return found.key, c.generation, ok && now.Sub(found.at) < keyFor
}

func (c *keyCache) put(hash string, key Key, now time.Time, generation int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return
	}
	if c.keys == nil {
		c.keys = map[string]cachedKey{}
	}
	c.keys[hash] = cachedKey{key, now}
}

func (c *keyCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.keys = nil
}
