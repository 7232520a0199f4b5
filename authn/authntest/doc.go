// Package authntest is a small OpenID Connect issuer for tests, on loopback: it signs any token a test
// asks for, right or wrong, and its discovery document and key set can be made to fail in every way an
// issuer can. Configure the issuer under test with URL and AllowPrivateAddresses.
//
// It imports the standard library only, and not authn, so that tests inside authn can use it too.
package authntest
