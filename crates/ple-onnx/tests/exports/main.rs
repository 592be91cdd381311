//! Exports of models of every kind: each one is run in rten before it gets its name, so an export that returns agrees.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod every_form;
mod models;
mod odd;
mod precisions;
mod raw_inputs;
mod shapes;
