//! Storage for the futures of a group: pinned, numbered, and eight in one allocation.
//!
//! A vector cannot pin its elements without `unsafe`, and a box for each future costs more than polling it.
//! But pinning a pair pins both of its fields: so eight futures are a pair of pairs of pairs, in one box.

use std::pin::Pin;

use pin_project_lite::pin_project;

/// Futures by number. A slot is empty once its future has finished.
pub(super) struct ChildFutures<F> {
    eights: Vec<Pin<Box<Eight<F>>>>,
    /// The remaining futures; all of them if they are large.
    ones: Vec<Pin<Box<FutureSlot<F>>>>,
}

type Eight<F> = Pair<Pair<Pair<FutureSlot<F>>>>;

/// Larger futures get a box each: the allocation hardly matters there, and eight of them would need much
/// stack.
const LARGE: usize = 512;

impl<F> ChildFutures<F> {
    pub(super) fn new(futures: impl Iterator<Item = F>) -> Self {
        let mut futures = futures;
        let (mut eights, mut ones) = (Vec::new(), Vec::new());
        if size_of::<F>() <= LARGE {
            eights.reserve_exact(futures.size_hint().0 / Eight::<F>::COUNT);
            while futures.size_hint().0 >= Eight::<F>::COUNT {
                eights.push(Box::pin(Eight::fill(&mut futures)));
            }
        }
        ones.extend(futures.map(|future| Box::pin(FutureSlot { future: Some(future) })));
        ChildFutures { eights, ones }
    }

    /// Returns the number of slots.
    pub(super) fn len(&self) -> usize {
        self.eights.len() * Eight::<F>::COUNT + self.ones.len()
    }

    /// Returns the slot with this number.
    #[inline]
    pub(super) fn at(&mut self, number: usize) -> Pin<&mut Option<F>> {
        let (eight, inside) = (number / Eight::<F>::COUNT, number % Eight::<F>::COUNT);
        if eight < self.eights.len() {
            return self.eights[eight].as_mut().at(inside);
        }
        self.ones[number - self.eights.len() * Eight::<F>::COUNT].as_mut().at(0)
    }
}

/// A block of `COUNT` slots, pinned together.
trait SlotBlock<F> {
    const COUNT: usize;

    fn fill(futures: &mut impl Iterator<Item = F>) -> Self;

    fn at(self: Pin<&mut Self>, number: usize) -> Pin<&mut Option<F>>;
}

pin_project! {
    struct FutureSlot<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F> SlotBlock<F> for FutureSlot<F> {
    const COUNT: usize = 1;

    fn fill(futures: &mut impl Iterator<Item = F>) -> Self {
        let future = futures.next();
        FutureSlot { future: Some(future.expect("an iterator yields what its size hint says")) }
    }

    #[inline]
    fn at(self: Pin<&mut Self>, _: usize) -> Pin<&mut Option<F>> {
        self.project().future
    }
}

pin_project! {
    struct Pair<P> {
        #[pin]
        left: P,
        #[pin]
        right: P,
    }
}

impl<F, P: SlotBlock<F>> SlotBlock<F> for Pair<P> {
    const COUNT: usize = 2 * P::COUNT;

    fn fill(futures: &mut impl Iterator<Item = F>) -> Self {
        let left = P::fill(futures);
        Pair { left, right: P::fill(futures) }
    }

    #[inline]
    fn at(self: Pin<&mut Self>, number: usize) -> Pin<&mut Option<F>> {
        let pair = self.project();
        if number < P::COUNT { pair.left.at(number) } else { pair.right.at(number - P::COUNT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_own_slot() {
        for count in 0..40 {
            let mut children = ChildFutures::new((0..count).map(|number| number * 10));
            assert_eq!(children.len(), count);
            for number in (0..count).rev() {
                assert_eq!(*children.at(number), Some(number * 10));
                children.at(number).set(None);
            }
        }
    }

    #[test]
    fn large_futures_and_those_of_unknown_number_get_a_box_each() {
        let mut large = ChildFutures::new((0..20_u8).map(|number| [number; LARGE + 1]));
        assert_eq!((large.eights.len(), large.at(17).unwrap()[0]), (0, 17));
        let mut unknown = ChildFutures::new((0..40).filter(|number| number % 2 == 0));
        assert_eq!((unknown.eights.len(), *unknown.at(17)), (0, Some(34)));
    }
}
