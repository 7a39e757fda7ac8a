//! Tar archives written block by block, so that any of them can be wrong.

use tar::{EntryType, Header};

/// One entry, or anything else that stands in an archive.
#[derive(Clone, Debug)]
pub struct Entry {
    header: Header,
    data: Vec<u8>,
    padding: u8,
}

impl Entry {
    pub fn file(path: &str, data: &[u8]) -> Self {
        Self::new(path, EntryType::Regular, data)
    }

    pub fn new(path: &str, kind: EntryType, data: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_mtime(946_684_800);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(data.len() as u64);
        header.set_cksum();
        Self { header, data: data.to_vec(), padding: 0 }
    }

    pub fn symlink(path: &str, target: &str) -> Self {
        Self::new(path, EntryType::Symlink, b"").linking_to(target)
    }

    pub fn linking_to(self, target: &str) -> Self {
        self.header(|header| header.set_link_name_literal(target).unwrap())
    }

    /// A PAX header for the entry that follows.
    pub fn pax(records: &[(&str, &str)]) -> Self {
        let data: String = records.iter().map(|(key, value)| pax_record(key, value)).collect();
        Self::new("PaxHeaders/x", EntryType::XHeader, data.as_bytes())
    }

    /// A PAX header for all entries that follow.
    pub fn global_pax(records: &[(&str, &str)]) -> Self {
        Self::pax(records).header(|header| header.set_entry_type(EntryType::XGlobalHeader))
    }

    /// GNU's way to give the next entry a long name.
    pub fn gnu_long_name(name: &str) -> Self {
        let data = [name.as_bytes(), b"\0"].concat();
        Self::new("././@LongLink", EntryType::GNULongName, &data)
    }

    /// Changes the header, whose checksum stays right.
    pub fn header(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self.header.set_cksum();
        self
    }

    /// Changes the header, whose checksum does not follow.
    pub fn damaged_header(mut self) -> Self {
        self.header.as_old_mut().mode[0] ^= 1;
        self
    }

    /// Fills the last block with this byte.
    pub fn padding(self, padding: u8) -> Self {
        Self { padding, ..self }
    }

    pub fn path(&self) -> String {
        self.header.path().unwrap().display().to_string()
    }

    fn write(&self, archive: &mut Vec<u8>) {
        archive.extend(self.header.as_bytes());
        archive.extend(&self.data);
        archive.resize(archive.len().next_multiple_of(512), self.padding);
    }
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
pub fn pax_record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let length = |digits: usize| (rest.len() + digits).to_string();
    let right = (1..20).map(length).zip(1..).find(|(length, digits)| length.len() == *digits);
    right.unwrap().0 + &rest
}

/// The entries and the two empty blocks that end an archive.
pub fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Vec::new();
    for entry in entries {
        entry.write(&mut archive);
    }
    archive.extend([0; 1024]);
    archive
}
