//! The connections of a server: how many there are, of which address, and which of them are idle.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Seats {
    most: usize,
    per_address: usize,
    held: Mutex<Held>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    /// Counts connections and the times at which they became idle.
    clock: u64,
    seats: BTreeMap<u64, State>,
}

#[derive(Debug)]
struct State {
    address: Option<IpAddr>,
    /// The time since which no request is in progress; `None` while one is.
    idle: Option<u64>,
    close: CancellationToken,
}

/// The seat of one connection, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    /// Cancelled when the connection must end because another one needs its seat.
    pub(crate) close: CancellationToken,
}

/// The seat of a connection with a request in progress, idle again when it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Seat>);

/// The result of asking for a seat.
#[derive(Debug)]
pub(crate) enum Taken {
    Seat(Seat),
    /// All connections of this address have a request in progress.
    AddressFull,
    /// All connections have a request in progress.
    Full,
}

impl Seats {
    pub(crate) fn new(most: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Seats {
            most: most.max(1),
            per_address: per_address.max(1),
            held: Mutex::default(),
            freed: Notify::new(),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat for a connection. At a limit, the connection that has been idle for longest loses its seat.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Taken {
        let address = group(address);
        let mut held = self.held();
        if let Some(address) = address {
            let of_address = |state: &State| state.address == Some(address);
            let count = held
                .seats
                .values()
                .filter(|state| of_address(state))
                .count();
            if count >= self.per_address && !held.evict(of_address) {
                return Taken::AddressFull;
            }
        }
        if held.seats.len() >= self.most && !held.evict(|_| true) {
            return Taken::Full;
        }
        let number = held.tick();
        let close = CancellationToken::new();
        held.seats.insert(
            number,
            State {
                address,
                idle: Some(number),
                close: close.clone(),
            },
        );
        Taken::Seat(Seat {
            seats: Arc::clone(self),
            number,
            close,
        })
    }

    /// Waits until a connection ends or becomes idle.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Waits until there is no connection.
    pub(crate) async fn empty(&self) {
        while !self.held().seats.is_empty() {
            self.freed().await;
        }
    }
}

impl Held {
    fn tick(&mut self) -> u64 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    /// Ends the connection that has been idle for longest among some.
    fn evict(&mut self, among: impl Fn(&State) -> bool) -> bool {
        let idle = self.seats.iter().filter(|(_, state)| among(state));
        let oldest = idle
            .filter_map(|(number, state)| Some((state.idle?, *number)))
            .min();
        let Some(state) = oldest.and_then(|(_, number)| self.seats.remove(&number)) else {
            return false;
        };
        state.close.cancel();
        true
    }
}

impl Seat {
    /// Marks the connection as busy; `None` if it has lost its seat.
    pub(crate) fn busy(self: &Arc<Self>) -> Option<Busy> {
        self.seats.held().seats.get_mut(&self.number)?.idle = None;
        Some(Busy(Arc::clone(self)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut held = self.0.seats.held();
        let now = held.tick();
        if let Some(state) = held.seats.get_mut(&self.0.number) {
            state.idle = Some(now);
        }
        drop(held);
        self.0.seats.freed.notify_one();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.held().seats.remove(&self.number);
        self.seats.freed.notify_one();
    }
}

/// Returns the address to count by: an IPv6 network of 64 bits is one customer. The loopback interface has no limit of its
/// own, since everything on this machine comes from one address.
fn group(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(address.into()),
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            Some(Ipv6Addr::from_bits(network).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn seat(taken: Taken) -> Arc<Seat> {
        match taken {
            Taken::Seat(seat) => Arc::new(seat),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_address_cannot_take_all_seats() {
        let seats = Seats::new(10, 2);
        let first = seat(seats.take(address("10.0.0.1")));
        let second = seat(seats.take(address("10.0.0.1")));
        // the first becomes busy and idle again, so the second is idle for longer
        drop(first.busy());
        let third = seat(seats.take(address("::ffff:10.0.0.1")));
        assert!(second.close.is_cancelled() && !first.close.is_cancelled());
        assert!(second.busy().is_none());
        let _busy = (first.busy().unwrap(), third.busy().unwrap());
        assert!(matches!(
            seats.take(address("10.0.0.1")),
            Taken::AddressFull
        ));
        seat(seats.take(address("10.0.0.2")));
    }

    #[test]
    fn oldest_idle_connection_goes_when_all_seats_are_taken() {
        let seats = Seats::new(2, 2);
        let first = seat(seats.take(address("127.0.0.1")));
        let second = seat(seats.take(address("127.0.0.2")));
        let busy = first.busy().unwrap();
        let third = seat(seats.take(address("127.0.0.1")));
        assert!(second.close.is_cancelled() && !first.close.is_cancelled());
        let _held = third.busy().unwrap();
        assert!(matches!(seats.take(address("10.0.0.1")), Taken::Full));
        drop(busy);
        seat(seats.take(address("10.0.0.1")));
        assert!(first.close.is_cancelled());
    }

    #[test]
    fn ipv6_counts_by_network() {
        assert_eq!(
            group(address("2001:db8:1:2::1")),
            group(address("2001:db8:1:2:f::9"))
        );
        assert_ne!(
            group(address("2001:db8:1:2::1")),
            group(address("2001:db8:1:3::1"))
        );
        assert_eq!(group(address("::1")), None);
    }
}
