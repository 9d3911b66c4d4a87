//! Image references, with exactly the grammar and the errors of Docker's `distribution/reference`.
