package cli

// WriteFile is for the tests of what the operating system does not do on demand.
var WriteFile = writeFile
