// Package roles keeps which roles there are and what each may do with the management APIs. A role is built
// in, declared in the Caddyfile or stored through the API; callers are given roles by name (by the mappings
// of m2m configs), and Resolve turns names into what they allow at that moment.
//
// A stored role and those who name it stay together: RequireIn puts into the transaction that writes such a
// holder the condition that the role is there, and Delete refuses as long as there is a holder. Delete marks
// the record first, then looks for holders, and removes the record only if it still is the marked one. Who
// begins to name the role before the mark is found; who does so after it must lift the mark in the same
// transaction, and so ends the deletion. Holders do not contend with each other.
//
// It imports internal/* and store; never Caddy, net/http or the packages whose objects name roles.
package roles
