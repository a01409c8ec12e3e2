package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
)

// A list of requests is never counted and never sorted as a whole. Its length is added up in request_count. Where the order is not that of an
// index, the list is cut into groups that are alike in the sort key; the groups' lengths are known, so a page is read from the one or two groups
// that it shows, each in the order of requests.

// requestGroup is neighbours in a sorted list.
type requestGroup struct {
	condition string // on request q; "" for all
	values    []any
	number    int
}

// requestScope is which requests a filter asks for.
type requestScope struct {
	narrow  conditions // type, origin and status of q
	sources []conditions
	servers string // subquery of the servers that a free text finds
	text    []any  // its values
	exact   int64  // the request that a free text names, 0 for none
}

// Requests lists management requests.
func (t *Tx) Requests(f management.Filter) (registry.Page[management.Record], error) {
	s, err := t.requestScope(f)
	if err != nil {
		return registry.Page[management.Record]{Paging: f.Paging}, err
	}
	if s.sources != nil {
		return t.gathered(s, f.Paging)
	}
	return t.walked(s, f.Paging)
}

// requestScope sorts out what finds few requests at once from what walks through all of them.
func (t *Tx) requestScope(f management.Filter) (requestScope, error) {
	var s requestScope
	if f.Origin != "" {
		s.narrow.add("q.origin = ?", string(f.Origin))
	}
	if len(f.Types) > 0 {
		names := make([]string, 0, len(f.Types))
		for _, kind := range f.Types {
			names = append(names, management.TypeName(kind))
		}
		s.narrow.add("q.type IN ?", names)
	}
	if f.Status != management.None {
		s.narrow.add("q.status = ?", string(f.Status))
	}
	var from, to time.Time
	if f.Text != "" {
		var err error
		if s.servers, s.text, err = t.serversFound(f.Text); err != nil {
			return s, err
		}
		from, to = period(f.Text)
		if id, err := strconv.ParseInt(f.Text, 10, 64); err == nil && id > 0 {
			s.exact = id
		}
	}
	const ofMember = " IN (SELECT i.id FROM identifier i WHERE i.instance = ? AND i.member_class = ? AND i.member_code = ?)"
	key := []any{f.Member.Instance(), f.Member.MemberClass(), f.Member.MemberCode()}
	switch {
	case !f.Server.IsZero():
		s.source("q.server_identifier_id = (SELECT i.id FROM identifier i WHERE "+matching+")", serverKey(f.Server)...)
	case !f.Member.IsZero():
		s.source("q.server_identifier_id"+ofMember, key...)
		s.source("q.client_identifier_id"+ofMember, key...)
	case f.Text != "":
		return s, t.fewFound(&s, from, to)
	}
	// Beside a server or a member, the text narrows.
	if f.Text != "" {
		found := append([]any{s.exact}, s.text...)
		s.narrow.add("(q.id = ? OR q.server_identifier_id IN ("+s.servers+") OR q.created_at >= ? AND q.created_at < ?)", append(found, from, to)...)
	}
	if !f.Server.IsZero() && !f.Member.IsZero() {
		s.narrow.add("(q.server_identifier_id"+ofMember+" OR q.client_identifier_id"+ofMember+")", append(append([]any{}, key...), key...)...)
	}
	return s, nil
}

func (s *requestScope) source(condition string, values ...any) {
	var c conditions
	c.add(condition, values...)
	s.sources = append(s.sources, c)
}

// fewFound gathers what a free text finds when its servers have few requests, or when it is a time.
func (t *Tx) fewFound(s *requestScope, from, to time.Time) error {
	var number int64
	err := t.tx.DB().Raw("SELECT COALESCE(SUM(q.number), 0) FROM request_count q WHERE q.server_identifier_id IN ("+s.servers+")", s.text...).Row().Scan(&number)
	if err != nil || number > few && from.IsZero() {
		return err
	}
	if number > 0 {
		s.source("q.server_identifier_id IN ("+s.servers+")", s.text...)
	}
	if s.exact != 0 {
		s.source("q.id = ?", s.exact)
	}
	if !from.IsZero() {
		s.source("q.created_at >= ? AND q.created_at < ?", from, to)
	}
	if s.sources == nil {
		s.source("1 = 0")
	}
	return nil
}

// serversFound looks once for the servers whose identifier or owner's name holds a text and gives them as a subquery.
func (t *Tx) serversFound(text string) (string, []any, error) {
	var parts []string
	var values []any
	for _, column := range []string{"lower(i.instance)", "lower(i.member_class)", "lower(i.member_code)", "lower(i.server_code)", "COALESCE(o.name_key, '')"} {
		parts = append(parts, t.contains(column))
		values = append(values, fold(text))
	}
	ids, err := t.ids("SELECT i.id FROM identifier i "+serverOwner+" WHERE i.object_type = 'SERVER' AND ("+strings.Join(parts, " OR ")+")", values...)
	found, list := t.listed(ids)
	return found, []any{list}, err
}

const serverOwner = "LEFT JOIN client o ON o.member_class = i.member_class AND o.member_code = i.member_code AND o.subsystem_code = '' AND o.instance = i.instance"

// period is the time that a text such as 2026-11 or 2026-11-20 12:05 begins to spell; zero for other texts.
func period(text string) (from, to time.Time) {
	for _, form := range []struct {
		layout string
		next   func(time.Time) time.Time
	}{
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02 15", func(t time.Time) time.Time { return t.Add(time.Hour) }},
		{"2006-01-02 15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02 15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
	} {
		if at, err := time.Parse(form.layout, strings.Replace(text, "T", " ", 1)); err == nil {
			return at, form.next(at)
		}
	}
	return from, to
}

// requestOrder is how each key of management.SortKeys is ordered among gathered requests.
var requestOrder = map[string]string{
	"": "q.id", "id": "q.id", "created_at": "q.created_at", "type": "q.type", "security_server_owner": "COALESCE(o.name_key, '')",
	"security_server_id": serverText, "status": "q.status",
}

// serverOf joins what an order by server needs.
func serverOf(table, sort string) string {
	join := " JOIN identifier i ON i.id = " + table + ".server_identifier_id AND i.object_type = 'SERVER'"
	if sort == "security_server_owner" {
		join += " " + serverOwner
	}
	return join
}

const serverText = "lower(i.instance || ':' || i.member_class || ':' || i.member_code || ':' || i.server_code)"

// gathered collects all that is asked for and sorts it.
func (t *Tx) gathered(s requestScope, p registry.Paging) (registry.Page[management.Record], error) {
	result := registry.Page[management.Record]{Paging: p, Items: []management.Record{}}
	var arms []string
	var values []any
	for _, source := range s.sources {
		c := conditions{append(source.texts, s.narrow.texts...), append(source.values, s.narrow.values...)}
		arms = append(arms, "SELECT q.id, q.created_at, q.type, q.status, q.server_identifier_id FROM management_request q"+c.where())
		values = append(values, c.values...)
	}
	with := "WITH gathered AS MATERIALIZED ("
	if len(arms) == 1 { // which may have an index in the order that is asked for
		with = "WITH gathered AS NOT MATERIALIZED ("
	}
	with += strings.Join(arms, " UNION ") + ") SELECT "
	if err := t.tx.DB().Raw(with+"COUNT(*) FROM gathered", values...).Row().Scan(&result.Total); err != nil {
		return result, err
	}
	w := windowOf(p, result.Total)
	if w.limit == 0 {
		return result, nil
	}
	expression, ok := requestOrder[p.Sort]
	if !ok {
		return result, fmt.Errorf("store: no order for sort key %q", p.Sort)
	}
	from := "gathered q"
	if strings.HasPrefix(p.Sort, "security_server") {
		from += serverOf("q", p.Sort)
	}
	ids, err := t.window(w, with+"q.id FROM "+from+w.order([]string{expression, "q.id"})+" LIMIT ? OFFSET ?", append(values, w.limit, w.offset)...)
	if err == nil {
		result.Items, err = t.requestsByID(ids)
	}
	return result, err
}

// walked reads a page through an index.
func (t *Tx) walked(s requestScope, p registry.Paging) (registry.Page[management.Record], error) {
	result := registry.Page[management.Record]{Paging: p, Items: []management.Record{}}
	groups, err := t.requestGroups(s, p.Sort)
	if err != nil {
		return result, err
	}
	for _, g := range groups {
		result.Total += g.number
	}
	by := []string{"q.id"}
	if p.Sort == "created_at" {
		by = []string{"q.created_at", "q.id"}
	}
	whole := windowOf(registry.Paging{Limit: p.Limit, Number: p.Number}, result.Total)
	skip, wanted := whole.offset, whole.limit
	if whole.turned {
		skip = result.Total - whole.offset - whole.limit
	}
	var ids []int64
	for n := range groups {
		g := groups[n]
		if p.Descending {
			g = groups[len(groups)-1-n]
		}
		if skip >= g.number {
			skip -= g.number
			continue
		}
		if wanted == 0 {
			break
		}
		take := min(wanted, g.number-skip)
		w := window{offset: skip, limit: take, descending: p.Descending}
		if behind := g.number - skip - take; behind < skip {
			w = window{offset: behind, limit: take, descending: !p.Descending, turned: true}
		}
		c := s.narrow.clone()
		if g.condition != "" {
			c.add(g.condition, g.values...)
		}
		if g.number > few && !strings.HasPrefix(p.Sort, "security_server") {
			c = c.unindexed()
		}
		if s.servers != "" { // these are many
			c.add("(q.id = ? OR q.server_identifier_id IN ("+s.servers+")) IS TRUE", append([]any{s.exact}, s.text...)...)
		}
		found, err := t.window(w, "SELECT q.id FROM management_request q"+c.where()+w.order(by)+" LIMIT ? OFFSET ?", append(c.values, w.limit, w.offset)...)
		if err != nil {
			return result, err
		}
		ids, wanted, skip = append(ids, found...), wanted-take, 0
	}
	result.Items, err = t.requestsByID(ids)
	return result, err
}

// requestGroups gives the groups of a sort key in ascending order, with how many of the requests in scope each holds.
func (t *Tx) requestGroups(s requestScope, sort string) ([]requestGroup, error) {
	numbers := s.narrow.clone()
	counted := "SELECT q.server_identifier_id, q.type, q.status, q.number FROM request_count q"
	if s.servers != "" {
		numbers.add("q.server_identifier_id IN ("+s.servers+")", s.text...)
	}
	counted += numbers.where()
	values := numbers.values
	if s.exact != 0 { // the request that the text names, unless its server is found already
		one := s.narrow.clone()
		one.add("q.id = ?", s.exact)
		one.add("q.server_identifier_id NOT IN ("+s.servers+")", s.text...)
		counted += " UNION ALL SELECT q.server_identifier_id, q.type, q.status, 1 FROM management_request q" + one.where()
		values = append(values, one.values...)
	}
	switch sort {
	case "", "id", "created_at":
		var g requestGroup
		err := t.tx.DB().Raw("SELECT COALESCE(SUM(c.number), 0) FROM ("+counted+") AS c", values...).Row().Scan(&g.number)
		return []requestGroup{g}, err
	case "type", "status":
		return all(t.tx.DB().Raw("SELECT c."+sort+" AS text, SUM(c.number) AS number FROM ("+counted+") AS c GROUP BY c."+sort+" ORDER BY c."+sort, values...),
			func(r struct {
				Text   string
				Number int
			}) (requestGroup, error) {
				return requestGroup{"q." + sort + " = ?", []any{r.Text}, r.Number}, nil
			})
	}
	key, ok := requestOrder[sort]
	if !ok {
		return nil, fmt.Errorf("store: no order for sort key %q", sort)
	}
	type serverNumber struct {
		ID     int64
		Text   string
		Number int
	}
	servers, err := all(t.tx.DB().Raw("SELECT c.server_identifier_id AS id, "+key+` AS text, c.number FROM (SELECT c.server_identifier_id, SUM(c.number) AS number
		FROM (`+counted+`) AS c GROUP BY c.server_identifier_id) AS c`+serverOf("c", sort)+" ORDER BY text, i.id",
		values...), func(r serverNumber) (serverNumber, error) { return r, nil })
	var groups []requestGroup
	last := ""
	for n, r := range servers {
		if n > 0 && r.Text == last {
			g := &groups[len(groups)-1]
			g.number += r.Number
			g.values[0] = append(g.values[0].([]int64), r.ID)
			continue
		}
		last = r.Text
		groups = append(groups, requestGroup{"q.server_identifier_id IN ?", []any{[]int64{r.ID}}, r.Number})
	}
	return groups, err
}

// window reads row numbers in the order that was asked for, whichever way the statement ran.
func (t *Tx) window(w window, statement string, values ...any) ([]int64, error) {
	list, err := t.ids(statement, values...)
	if w.turned {
		slices.Reverse(list)
	}
	return list, err
}

// requestsByID reads requests in the order of their numbers given.
func (t *Tx) requestsByID(ids []int64) ([]management.Record, error) {
	if len(ids) == 0 {
		return []management.Record{}, nil
	}
	found, err := all(t.tx.DB().Raw("SELECT "+requestColumns+" FROM "+requestTables+" WHERE q.id IN ?", ids), toRequest)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]management.Record, len(found))
	for _, r := range found {
		byID[r.ID] = r
	}
	list := make([]management.Record, 0, len(ids))
	for _, id := range ids {
		list = append(list, byID[id])
	}
	return list, nil
}
