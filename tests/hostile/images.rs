use super::*;

/// A WebP of one color whose file has 28 bytes.
fn webp(width: u32, height: u32) -> Vec<u8> {
    let mut bits: Vec<u32> = Vec::new();
    let mut put = |value: u32, n: u32| bits.extend((0..n).map(|i| value >> i & 1));
    put(0x2f, 8);
    put(width - 1, 14);
    put(height - 1, 14);
    put(0, 1 + 3 + 3);
    for _ in 0..5 {
        put(1, 1);
        put(0, 3);
    }
    let mut data: Vec<u8> = bits
        .chunks(8)
        .map(|byte| byte.iter().enumerate().map(|(i, bit)| (bit << i) as u8).sum())
        .collect();
    let length = data.len() as u32;
    data.resize(data.len().next_multiple_of(2), 0);
    let mut file = b"RIFF".to_vec();
    file.extend((12 + data.len() as u32).to_le_bytes());
    file.extend(b"WEBPVP8L");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}

/// A PNG of zeros.
fn png(width: u32, height: u32, color: png::ColorType, depth: png::BitDepth) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    let row = (color.samples() * depth as usize * width as usize).div_ceil(8);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    for _ in 0..height {
        std::io::Write::write_all(&mut stream, &vec![0; row]).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    file
}

/// A TIFF of gray pages without any pixels: kind, width and height of each.
fn tiff(pages: &[(u32, u32, u32)]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    for (i, &(kind, width, height)) in pages.iter().enumerate() {
        let tags = [
            (254, kind),
            (256, width),
            (257, height),
            (258, 8),
            (259, 5),
            (262, 1),
            (273, 8),
            (278, height),
            (279, 1),
        ];
        bytes.extend((tags.len() as u16).to_le_bytes());
        for (tag, value) in tags {
            bytes.extend([tag, 4_u16].iter().flat_map(|number| number.to_le_bytes()));
            bytes.extend([1, value].iter().flat_map(|number| number.to_le_bytes()));
        }
        let next = if i + 1 == pages.len() { 0 } else { bytes.len() as u32 + 4 };
        bytes.extend(next.to_le_bytes());
    }
    bytes
}

/// A GIF and a BMP that declare a size and have no pixels.
fn headers(width: u16, height: u16) -> [(&'static str, Vec<u8>); 2] {
    let sides = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let gif =
        [&b"GIF89a"[..], &sides, b"\0\0\0\x2c\0\0\0\0", &sides, b"\0\x02\0;"].concat();
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend(i32::from(width).to_le_bytes());
    bmp.extend(i32::from(height).to_le_bytes());
    bmp.extend(b"\x01\0\x18\0");
    bmp.resize(54, 0);
    [("gif", gif), ("bmp", bmp)]
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_declare_too_many_pixels_take_no_memory() {
    let scratch = scratch();
    let path = scratch.path();
    let (side, small) = (20_000, 60_000);
    for (name, file) in [
        ("webp", webp(16_383, 16_383)),
        ("tif", tiff(&[(0, side, side)])),
        ("second.tif", tiff(&[(1, 8, 8), (0, side, side)])),
        ("bits.png", png(side, side / 4, png::ColorType::Grayscale, png::BitDepth::One)),
        ("deep.png", png(1200, 1000, png::ColorType::Rgba, png::BitDepth::Sixteen)),
    ]
    .into_iter()
    .chain(headers(small, small))
    {
        fs::write(
            path.join(format!("in/{name}.{}", name.rsplit('.').next().unwrap())),
            file,
        )
        .unwrap();
    }
    let model = model("streets");
    let program = env!("CARGO_BIN_EXE_mcdrop");
    let typed = format!(
        "ulimit -v 3000000; exec {program} predict {model} in -o out --samples 2 --threads 4 \
         --frames all --max-pixels 1000000 --maps none"
    );
    let shell = ["-c", &typed];
    let output = std::process::Command::new("bash")
        .args(shell)
        .current_dir(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("7 failed"), "{said}");
    let table = fs::read_to_string(path.join("out/predictions.csv")).unwrap();
    assert_eq!(
        table.lines().filter(|line| line.contains("pixels")).count(),
        7,
        "{table}"
    );
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes minutes and gigabytes: make verify"]
fn image_bombs_do_not_multiply_with_threads() {
    let scratch = scratch();
    let path = scratch.path();
    for i in 0..4 {
        fs::write(path.join(format!("in/{i}.webp")), webp(16_383, 12_207)).unwrap();
    }
    let model = model("streets");
    let program = env!("CARGO_BIN_EXE_mcdrop");
    // Four images of 600 MB at the same time would not fit.
    let typed = format!(
        "ulimit -v 4500000; exec {program} predict {model} in -o out --samples 2 --threads 8 \
         --resize 64x64 --maps none"
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &typed])
        .current_dir(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn large_images_among_small_ones_are_read_in_order() {
    let scratch = scratch();
    let path = scratch.path();
    let street = fs::read(path.join("in/a.png")).unwrap();
    for i in 0..6 {
        fs::write(path.join(format!("in/{i}.png")), &street).unwrap();
        // 90 million pixels, which fill the budget; more pixels than allowed; damaged.
        let (width, height) = [(16_000, 5_600), (16_383, 16_383), (16_000, 5_600)][i % 3];
        let mut file = webp(width, height);
        file.truncate(if i % 3 == 2 { 20 } else { file.len() });
        fs::write(path.join(format!("in/{i}.webp")), file).unwrap();
    }
    let more = ["--max-pixels", "1000000", "--threads", "4"];
    let (code, said) = predict(path, &more);
    assert_eq!(code, 3, "{said}");
    let table = fs::read_to_string(path.join("out/predictions.csv")).unwrap();
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(rows.len(), 13, "{table}");
    assert!(rows.is_sorted(), "{table}");
}
