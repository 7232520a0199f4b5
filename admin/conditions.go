package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/authgate/authgate/store"
)

// Conditional requests (RFC 9110 section 13; specs A6). The ETag of an object is its record's revision.
//
// Order of checks: RFC 9110 section 13.2.1 has a server judge conditions after its normal request checks
// and just before it would process the content. So a wrong credential is 401, a malformed condition 400,
// an object that does not exist 404, a declared one (which has no ETag and can never be written) 409,
// then comes 412, and only then is the body read: 400 or 422. If-Match goes before If-None-Match
// (13.2.2). The PUT that names its object in the body (D2) is the exception: its body is read first.
//
// Lists have no ETag and creations no object that conditions could be about: both ignore them.

var (
	errPrecondition  = &requestError{http.StatusPreconditionFailed, "The object is not at a revision that the request asks for"}
	errBadConditions = &requestError{http.StatusBadRequest, "If-Match or If-None-Match is malformed"}
)

// conditions are a request's If-Match and If-None-Match.
type conditions struct {
	match store.Match // If-Match; nil: none, or *
	none  *noneMatch  // If-None-Match; nil: none
}

type noneMatch struct {
	any       bool
	revisions []int64
}

func readConditions(h http.Header) (conditions, error) {
	var c conditions
	if lines, given := h["If-Match"]; given {
		tags, star, ok := entityTags(lines)
		if !ok {
			return c, errBadConditions
		}
		if !star {
			c.match = store.Match{} // of tags that cannot be: matches nothing
			for _, t := range tags {
				if !t.weak && t.revision != 0 { // strong comparison: 13.1.1
					c.match = append(c.match, t.revision)
				}
			}
		}
	}
	if lines, given := h["If-None-Match"]; given {
		tags, star, ok := entityTags(lines)
		if !ok {
			return c, errBadConditions
		}
		c.none = &noneMatch{any: star}
		for _, t := range tags { // weak comparison: 13.1.2
			c.none.revisions = append(c.none.revisions, t.revision)
		}
	}
	return c, nil
}

// at returns at which revisions the object found at revision may be changed, and whether that is one of
// them. The object may come from a cache that has not heard of the last change yet, while the client has:
// only what the store says in the end is a reason to answer 412 instead of making the change. Revision 0
// is an object without an ETag.
func (c conditions) at(revision int64) (m store.Match, met bool) {
	switch {
	case revision == 0:
		return nil, true
	case c.none.names(revision):
		return store.Match{}, false
	case c.none != nil && c.match.Allows(revision): // another revision might be one it names
		return store.Match{revision}, true
	}
	return c.match, c.match.Allows(revision)
}

// unlessMet is the refusal of a request whose body is at fault: its conditions come first.
func unlessMet(met bool, err error) error {
	if !met {
		return errPrecondition
	}
	return err
}

func (n *noneMatch) names(revision int64) bool {
	return n != nil && revision != 0 && (n.any || slices.Contains(n.revisions, revision))
}

// etag is the entity tag of an object at revision, or "".
func etag(revision int64) string {
	if revision == 0 {
		return ""
	}
	return `"` + strconv.FormatInt(revision, 10) + `"`
}

// entityTag is one tag of a list; revision is 0 if it is none this API ever gave out.
type entityTag struct {
	weak     bool
	revision int64
}

// entityTags reads "*" or a list of tags (RFC 9110 section 8.8.3), which may be spread over several lines
// and hold empty elements (5.6.1).
func entityTags(lines []string) (tags []entityTag, star, ok bool) {
	rest := strings.Trim(strings.Join(lines, ","), " \t")
	if rest == "*" {
		return nil, true, true
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return tags, false, len(tags) > 0
		}
		var t entityTag
		rest, t.weak = strings.CutPrefix(rest, "W/")
		end := strings.IndexByte(rest[min(1, len(rest)):], '"')
		if rest == "" || rest[0] != '"' || end < 0 {
			return nil, false, false
		}
		opaque := rest[1 : 1+end]
		if strings.ContainsFunc(opaque, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return nil, false, false
		}
		if n, err := strconv.ParseInt(opaque, 10, 64); err == nil && n > 0 && strconv.FormatInt(n, 10) == opaque {
			t.revision = n
		}
		tags = append(tags, t)
		rest = strings.TrimLeft(rest[end+2:], " \t")
		if rest != "" && rest[0] != ',' {
			return nil, false, false
		}
	}
}
