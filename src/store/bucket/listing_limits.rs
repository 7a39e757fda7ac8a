//! How many objects and bytes a listing may have. A listing comes page by page, and the client stops only when the server
//! says that there are no more pages.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use memchr::memmem;

/// The most objects of a listing. All of hex.pm is half a million.
const MAX_OBJECTS: u64 = 3_000_000;

/// The most bytes of a listing, whatever its content. S3 writes about 300 bytes for an object.
const MAX_BYTES: u64 = 4 << 30;

/// The elements that each entry has once: the time of an object's last change, as S3 and Azure write it, or the element
/// around a common prefix. Only the end of a tag is searched for, as its beginning may have a prefix or attributes; each
/// element has two tags.
const ENTRY: [&str; 4] = ["LastModified>", "Last-Modified>", "CommonPrefixes>", "BlobPrefix>"];

/// The parameters of a query that ask for a further page.
const PAGE_PARAMETERS: [&str; 2] = ["continuation-token", "marker"];

/// The size of each listing so far, and the largest size.
#[derive(Debug)]
pub(super) struct ListingLimits {
    /// By the query without the parameter for the page.
    listings: Mutex<HashMap<String, Size>>,
    most: Size,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    objects: u64,
    bytes: u64,
}

impl Default for ListingLimits {
    fn default() -> Self {
        Self::up_to(Size { objects: MAX_OBJECTS, bytes: MAX_BYTES })
    }
}

impl ListingLimits {
    fn up_to(most: Size) -> Self {
        Self { listings: Mutex::default(), most }
    }

    /// Counts a page.
    ///
    /// # Errors
    /// The most objects of a listing, if this one has more.
    pub fn add(&self, query: &str, page: &[u8]) -> Result<(), u64> {
        let is_page = |parameter: &&str| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            PAGE_PARAMETERS.contains(&name) && !value.is_empty()
        };
        let is_further_page = query.split('&').any(|parameter| is_page(&parameter));
        let rest = query.split('&').filter(|parameter| !is_page(parameter));
        let listing = rest.collect::<Vec<_>>().join("&");
        let tags = ENTRY.iter().map(|tag| memmem::find_iter(page, tag).count()).sum::<usize>();
        let size = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);

        // A panic leaves each size whole.
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = listings.entry(listing).or_default();
        if !is_further_page {
            *so_far = Size::default();
        }
        so_far.objects = so_far.objects.saturating_add(size(tags / 2));
        so_far.bytes = so_far.bytes.saturating_add(size(page.len()));
        let Size { objects, bytes } = *so_far;
        if objects > self.most.objects || bytes > self.most.bytes {
            return Err(self.most.objects);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S3: &str = "<Contents><Key>a</Key><LastModified>now</LastModified></Contents>";
    const AZURE: &str =
        "<Blob><Name>a</Name><Properties><Last-Modified>now</Last-Modified></Properties></Blob>";

    #[test]
    fn pages_of_one_listing_are_counted_together() {
        for (entry, token) in [(S3, "continuation-token"), (AZURE, "marker")] {
            let listings = ListingLimits::up_to(Size { objects: 10, bytes: 10_000 });
            let page =
                |query: &str, objects: usize| listings.add(query, entry.repeat(objects).as_bytes());
            let next = format!("list-type=2&prefix=hex&{token}=abc");
            assert_eq!(page("list-type=2&prefix=hex", 6), Ok(()));
            // Another listing, and then the first page of the same one again.
            assert_eq!(page("list-type=2&prefix=hex%2Fdocs", 6), Ok(()));
            assert_eq!(page("list-type=2&prefix=hex", 6), Ok(()));
            assert_eq!(page(&next, 4), Ok(()));
            // The same page twice.
            assert_eq!(page(&next, 1), Err(10));
        }
    }

    #[test]
    fn a_long_page_counts_whatever_its_content() {
        let listings = ListingLimits::up_to(Size { objects: 10, bytes: 100 });
        assert_eq!(listings.add("list-type=2", &[b'x'; 60]), Ok(()));
        assert_eq!(listings.add("list-type=2&continuation-token=a", &[b'x'; 60]), Err(10));
        let prefixes = "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>".repeat(11);
        let listings = ListingLimits::up_to(Size { objects: 10, bytes: 10_000 });
        assert_eq!(listings.add("list-type=2", prefixes.as_bytes()), Err(10));
    }
}
