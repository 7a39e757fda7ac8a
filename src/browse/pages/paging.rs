//! Lists of several pages.

/// The place of a page in a list of several.
#[derive(Clone, Debug)]
pub struct Paging {
    /// Counted from 1.
    pub page: usize,
    /// How many there are.
    pub pages: usize,
    /// The page before this one.
    pub previous: Option<String>,
    /// The page after this one.
    pub next: Option<String>,
}

impl Paging {
    /// The place of a page, if there are several. `url` is that of the page of a number.
    #[must_use]
    pub fn new(page: usize, pages: usize, url: impl Fn(usize) -> String) -> Option<Self> {
        let previous = page.checked_sub(1).filter(|page| *page > 0).map(&url);
        let next = page.checked_add(1).filter(|next| *next <= pages).map(&url);
        (pages > 1).then_some(Self { page, pages, previous, next })
    }
}
