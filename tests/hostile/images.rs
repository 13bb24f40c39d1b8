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
