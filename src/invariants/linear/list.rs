//! What is left to be ordered, in its own order: parts go out and come back in no time.

/// The front of a list, and its end.
pub(super) const EDGE: u32 = 0;

/// A list whose parts are taken out and put back in reverse.
pub(super) struct List {
    next: Vec<u32>,
    prev: Vec<u32>,
}

impl List {
    /// The numbers from 1 to `count`, in order.
    pub(super) fn new(count: u32) -> Self {
        let next = (1..=count).chain([EDGE]).collect();
        let prev = [count].into_iter().chain(0..count).collect();
        Self { next, prev }
    }

    pub(super) fn first(&self) -> u32 {
        self.next[EDGE as usize]
    }

    pub(super) fn after(&self, at: u32) -> u32 {
        self.next[at as usize]
    }

    pub(super) fn take(&mut self, at: u32) {
        let (next, prev) = (self.next[at as usize], self.prev[at as usize]);
        self.next[prev as usize] = next;
        self.prev[next as usize] = prev;
    }

    pub(super) fn put_back(&mut self, at: u32) {
        let (next, prev) = (self.next[at as usize], self.prev[at as usize]);
        self.next[prev as usize] = at;
        self.prev[next as usize] = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(list: &List) -> Vec<u32> {
        std::iter::successors(Some(list.first()), |at| Some(list.after(*at)))
            .take_while(|at| *at != EDGE)
            .collect()
    }

    #[test]
    fn what_is_put_back_in_reverse_is_where_it_was() {
        let mut list = List::new(5);
        [3, 2, 5].into_iter().for_each(|at| list.take(at));
        assert_eq!(shown(&list), [1, 4]);
        [5, 2, 3].into_iter().for_each(|at| list.put_back(at));
        assert_eq!(shown(&list), [1, 2, 3, 4, 5]);
        assert_eq!(shown(&List::new(0)), [0; 0]);
    }
}
