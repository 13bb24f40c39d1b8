//! The command line of mcdrop.
fn main() {}
