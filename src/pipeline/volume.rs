//! How many bytes the values of a service have, as far as is known. It must not know which values they are.

use crate::model::Version;

/// A value's size in 16 bits: exact to 64 bytes up to 2 MiB, to 16 KiB above; never less than the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SizeClass(u16);

const COARSE: u16 = 1 << 15;

impl SizeClass {
    pub(super) fn of(bytes: usize) -> Self {
        let fine = bytes.div_ceil(64);
        if fine < usize::from(COARSE) {
            return Self(fine as u16);
        }
        Self(COARSE | bytes.div_ceil(16_384).min(usize::from(COARSE - 1)) as u16)
    }

    pub(super) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    pub(super) fn bits(self) -> u16 {
        self.0
    }

    /// Bytes; 0 when nothing is known.
    pub(super) fn bytes(self) -> u64 {
        let count = u64::from(self.0 & !COARSE);
        if self.0 & COARSE == 0 { count * 64 } else { count * 16_384 }
    }
}

/// A version and a size class in eight bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stamp(u64);

impl Stamp {
    pub(super) fn new(version: Version, size: SizeClass) -> Self {
        Self(version.0.min((1 << 48) - 1) << 16 | u64::from(size.bits()))
    }

    pub(super) fn version(self) -> Version {
        Version(self.0 >> 16)
    }

    pub(super) fn size(self) -> SizeClass {
        SizeClass::from_bits(self.0 as u16)
    }
}

/// The sum over all objects.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Volume {
    bytes: u64,
    /// Objects whose size is known; a restart does not read sizes, the first pass learns them.
    sized: u64,
}

impl Volume {
    /// An object's size is now `new`.
    pub(super) fn replace(&mut self, old: SizeClass, new: SizeClass) {
        self.bytes = self.bytes.saturating_sub(old.bytes()) + new.bytes();
        self.sized = self.sized.saturating_sub(u64::from(old.bytes() > 0)) + u64::from(new.bytes() > 0);
    }

    /// Bytes of `objects` objects; those of unknown size count as the others on average.
    pub(super) fn estimate(&self, objects: u64) -> u64 {
        let unknown = objects.saturating_sub(self.sized);
        self.bytes + self.mean() * unknown
    }

    /// Bytes of an object on average.
    pub(super) fn mean(&self) -> u64 {
        self.bytes.checked_div(self.sized).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_never_underestimated_and_little_overestimated() {
        for bytes in [0, 1, 63, 64, 65, 1000, 262_144, 2_097_087, 2_097_088, 2_100_000, 8_000_000, 342 << 20] {
            let kept = SizeClass::of(bytes).bytes() as usize;
            assert!(kept >= bytes && kept <= bytes + bytes / 100 + 16_384, "{bytes}: {kept}");
            assert_eq!(SizeClass::from_bits(SizeClass::of(bytes).bits()).bytes() as usize, kept);
        }
    }

    #[test]
    fn unknown_sizes_count_as_the_others() {
        let mut volume = Volume::default();
        assert_eq!(volume.estimate(10), 0);
        volume.replace(SizeClass::default(), SizeClass::of(640));
        volume.replace(SizeClass::default(), SizeClass::of(1280));
        assert_eq!(volume.estimate(2), 1920);
        assert_eq!(volume.estimate(4), 3840);
        volume.replace(SizeClass::of(1280), SizeClass::of(640));
        volume.replace(SizeClass::of(640), SizeClass::default());
        assert_eq!(volume.estimate(1), 640);
    }
}
