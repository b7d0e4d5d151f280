//! Files as they come out of gzip and zstd.

use super::*;

/// Packets of all sizes; several windows full of them.
fn many() -> (Vec<u8>, usize) {
    let order = Write32::Little;
    let mut file = [order.section(), order.interface(1, &[])].concat();
    let mut noise = 1_u32;
    for number in 0..900_u64 {
        let bytes: Vec<u8> = (0..number * 7 % 3_000)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise.to_le_bytes()[3] & 0x1f
            })
            .collect();
        file.extend(order.enhanced(0, number, &bytes, &[]));
    }
    (file, 900)
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn compressed_files_are_the_same_files() {
    let (file, count) = many();
    let expect = read_all(&file).0;
    assert_eq!(expect.len(), count);
    let (front, back) = file.split_at(file.len() / 3);
    let skippable = [&[0x55, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], &zstd(&file)[..]].concat();
    for compressed in
        [gzip(&file), [gzip(front), gzip(back)].concat(), zstd(&file), [zstd(front), zstd(back)].concat(), skippable]
    {
        assert!(compressed.len() < file.len());
        let (packets, errors) = read_all(&compressed);
        assert!(errors.is_empty(), "{errors:?}");
        assert!(packets == expect);
    }
}

#[test]
fn compressed_files_that_break_off_give_what_came_before() {
    let (file, count) = many();
    let expect = read_all(&file).0;
    for compressed in [gzip(&file), zstd(&file)] {
        let (packets, errors) = read_all(&compressed[..compressed.len() * 3 / 4]);
        assert!(packets.len() > count / 2 && packets.len() < count, "{}", packets.len());
        assert!(packets == expect[..packets.len()]);
        assert!(matches!(errors[..], [CaptureFileError::Truncated { .. }]), "{errors:?}");

        let mut wrong = compressed.clone();
        let middle = wrong.len() / 2;
        wrong[middle..middle + 64].fill(0xff);
        let (packets, errors) = read_all(&wrong);
        assert!(!errors.is_empty() || packets != expect);
    }
}
