// Package openapitest judges answers by an OpenAPI 3.1 document, and the document by OpenAPI's own schema.
// It is for tests: nothing of it may be linked into the product.
//
// Its Validator takes what is not documented for wrong: paths, methods, statuses, headers, members. The
// document may say what paths and methods that it does not name answer, in the extensions x-unknown-path
// and x-unknown-method.
//
// testdata/openapi-3.1.schema.json is the OpenAPI Initiative's JSON Schema of OpenAPI 3.1 documents as of
// 2026-08-03 (https://spec.openapis.org/oas/3.1/schema/2026-08-03), under the Apache License 2.0.
//
// It imports jsonschema and internal/*.
package openapitest
