//! Makes the changes of a group, and finds the one that cannot be made.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::change::{ReleaseChange, RequestedChange, Verdict};
use super::change_observer::ChangeObserver;
use super::judge::check_new_name;
use super::rules::Rules;
use super::store_failure::is_of_store;
use super::verdicts::{PendingChange, Verdicts};
use crate::name::PackageName;
use crate::ops::edit::{self, Error, Options};
use crate::publish::transaction::Transaction;
use crate::store::Store;

/// For how long after the first failure changes are made in smaller groups. mix gives up after 15 seconds, of which 10
/// may have gone by before the transaction began.
const DIVIDING: Duration = Duration::from_secs(3);

/// Makes the changes of groups, all in one transaction.
pub(super) struct GroupWriter<'a> {
    store: &'a dyn Store,
    transaction: &'a Transaction<'a>,
    options: &'a Options,
    rules: &'a Rules,
    observer: &'a ChangeObserver<'a>,
    first_failure: Cell<Option<Instant>>,
    /// The error after which no change is tried any more.
    end: RefCell<Option<Arc<Error>>>,
}

impl<'a> GroupWriter<'a> {
    pub fn new(
        store: &'a dyn Store,
        transaction: &'a Transaction<'a>,
        options: &'a Options,
        rules: &'a Rules,
        observer: &'a ChangeObserver<'a>,
    ) -> Self {
        let (first_failure, end) = (Cell::default(), RefCell::default());
        Self { store, transaction, options, rules, observer, first_failure, end }
    }

    /// Makes the changes of a group.
    pub fn make(&self, group: &[RequestedChange]) -> Vec<Verdict> {
        let published = group.iter().filter_map(|requested| match &requested.change {
            ReleaseChange::Publish(tarball) => Some(tarball.file().package.clone()),
            _ => None,
        });
        let published = published.filter(|name| check_new_name(name).is_ok()).collect();
        self.make_part(group.iter().map(PendingChange::new).collect(), &published)
    }

    /// Makes a part of a group, which publishes the packages of `published`. If it cannot be written, each half of it is
    /// made by itself, so that only the change that cannot be made fails. What was written of the whole is kept: a
    /// change that has taken effect is not judged again.
    fn make_part(
        &self,
        part: Vec<PendingChange<'_>>,
        published: &BTreeSet<PackageName>,
    ) -> Vec<Verdict> {
        if let Some(error) = self.end.borrow().clone() {
            return failed(part, &error);
        }
        let packages: BTreeSet<_> = part.iter().map(|one| one.package().clone()).collect();
        let verdicts = Verdicts::new(&self.options.repository, self.rules, published, part);
        let done = self.edit(&packages, &verdicts);
        let written = self.observer.take();
        let error = match done {
            Ok(()) => return verdicts.into_verdicts().collect(),
            Err(error) => Arc::new(error),
        };
        let pending = verdicts.into_pending(&written, self.is_certain(&error));
        if is_of_store(self.store, &error) {
            *self.end.borrow_mut() = Some(Arc::clone(&error));
        }
        if pending.len() < 2 || !self.may_divide(&error) {
            return failed(pending, &error);
        }
        let is_first = first_half(&pending, &packages);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (one, is_first) in pending.into_iter().zip(&is_first) {
            if *is_first { first.push(one) } else { second.push(one) }
        }
        let mut first = self.make_part(first, published).into_iter();
        let mut second = self.make_part(second, published).into_iter();
        let in_order =
            is_first.into_iter().filter_map(|one| if one { first.next() } else { second.next() });
        in_order.collect()
    }

    fn edit(&self, packages: &BTreeSet<PackageName>, verdicts: &Verdicts<'_>) -> Result<(), Error> {
        let Self { store, transaction, options, .. } = *self;
        edit::edit_within(transaction, options, packages, &|attempt, copy| {
            if copy.is_new_registry {
                return Err(edit::no_registry(store));
            }
            verdicts.judge(attempt, copy)
        })?;
        Ok(())
    }

    /// Whether it is known what was written. A bucket may have made a change whose answer got lost.
    fn is_certain(&self, error: &Error) -> bool {
        let is_lost = matches!(error, Error::Write(error) if !error.is_conflict());
        !(self.store.is_conditional() && is_lost)
    }

    fn may_divide(&self, error: &Error) -> bool {
        let began = self.first_failure.get().unwrap_or_else(Instant::now);
        self.first_failure.set(Some(began));
        self.end.borrow().is_none() && self.is_certain(error) && began.elapsed() < DIVIDING
    }
}

/// Of each change of a part whether it is in the first half: that of the packages, or of the changes to the only one.
fn first_half(part: &[PendingChange<'_>], packages: &BTreeSet<PackageName>) -> Vec<bool> {
    if packages.len() < 2 {
        let half = part.len() / 2;
        return (0..part.len()).map(|index| index < half).collect();
    }
    let half: HashSet<_> = packages.iter().take(packages.len() / 2).collect();
    part.iter().map(|one| half.contains(one.package())).collect()
}

/// The verdicts on changes that are not tried again.
fn failed(part: Vec<PendingChange<'_>>, error: &Arc<Error>) -> Vec<Verdict> {
    part.into_iter().map(|one| Err(one.failed(error))).collect()
}
