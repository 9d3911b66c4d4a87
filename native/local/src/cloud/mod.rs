//! The ECI simulator.
