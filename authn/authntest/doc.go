// Package authntest holds two authorities for tests, on loopback. New makes a small OpenID Connect issuer: it
// signs any token a test asks for, right or wrong, and its discovery document and key set can be made to
// fail in every way an issuer can. NewCA makes a certificate authority for client certificates, whose
// revocation list can fail likewise. Configure what is under test with their URLs or files and
// AllowPrivateAddresses.
//
// It imports the standard library only, and not authn, so that tests inside authn can use it too.
package authntest
