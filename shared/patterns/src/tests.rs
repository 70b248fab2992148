//! Patterns on histories whose truth is known: generated ones, and small ones by hand.

mod cases;
mod history;
mod properties;
mod quality;
mod strange;
