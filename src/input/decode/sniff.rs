//! Recognizes files that are not read: images of other formats, and files that are named like
//! images but contain something else.

use std::ffi::OsStr;
use std::path::Path;

use super::{FORMATS, Refusal, SAVE_AGAIN};

const LFS: &str =
    "fetch the content with `git lfs pull`, or download the file from its page";
const ANNEX: &str = "fetch the content: `git annex get {file}`";
const DOWNLOAD: &str = "download the image itself, not the page about it";
const LEAVE_OUT: &str =
    "leave it out, or give it an extension that is not one of an image";

/// Conversion of pictures of 8 bits.
const TO_PNG: &str = "convert these files with ImageMagick and give the folder converted: `mkdir -p converted && \
                      magick mogrify -path converted -format png {files}`";
/// Conversion that keeps 16 bits or floating point.
const TO_TIFF: &str = "convert these files with ImageMagick and give the folder converted: `mkdir -p converted && \
                       magick mogrify -path converted -format tif {files}`";
/// Conversion of files with layers: the merged picture, which comes first.
const FLATTEN: &str = "convert these files with ImageMagick and give the folder converted: `mkdir -p converted && \
                       magick mogrify -path converted -format png {first_of_files}`";
/// Conversion of scans and volumes: each slice becomes a page.
const SLICES: &str = "convert these files in Python (pip install SimpleITK tifffile): `python3 -c \"import \
                      sys, SimpleITK as s, tifffile; [tifffile.imwrite(f + '.tif', \
                      s.GetArrayFromImage(s.ReadImage(f)), photometric='minisblack') for f in \
                      sys.argv[1:]]\" {files}`";
/// Conversion of files of microscopes.
const MICROSCOPE: &str = "convert these files in Python (pip install bioio bioio-bioformats tifffile): `python3 -c \
                          \"import sys, bioio, tifffile; [tifffile.imwrite(f + '.tif', \
                          bioio.BioImage(f).get_image_data('ZYX'), photometric='minisblack') for f in \
                          sys.argv[1:]]\" {files}`";

/// A format of images that is not read.
#[derive(Debug)]
struct OtherFormat {
    name: &'static str,
    /// Extensions in lower case.
    extensions: &'static [&'static str],
    hint: &'static str,
}

const HEIC: OtherFormat = OtherFormat {
    name: "HEIC",
    extensions: &["heic", "heif", "heics", "heifs", "hif"],
    hint: TO_PNG,
};
const AVIF: OtherFormat =
    OtherFormat { name: "AVIF", extensions: &["avif", "avifs"], hint: TO_PNG };
const JPEG_2000: OtherFormat = OtherFormat {
    name: "JPEG 2000",
    extensions: &["jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jpm", "jph", "jhc"],
    hint: TO_TIFF,
};
const JPEG_XL: OtherFormat =
    OtherFormat { name: "JPEG XL", extensions: &["jxl"], hint: TO_PNG };
const JPEG_XR: OtherFormat =
    OtherFormat { name: "JPEG XR", extensions: &["jxr", "wdp", "hdp"], hint: TO_TIFF };
const JPEG_LS: OtherFormat =
    OtherFormat { name: "JPEG-LS", extensions: &["jls"], hint: TO_TIFF };
const CAMERA_RAW: OtherFormat = OtherFormat {
    name: "camera raw",
    extensions: &[
        "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "gpr", "iiq",
        "k25", "kdc", "mef", "mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "rw2",
        "rwl", "sr2", "srf", "srw", "x3f",
    ],
    hint: TO_TIFF,
};
const DICOM: OtherFormat =
    OtherFormat { name: "DICOM", extensions: &["dcm", "dicom", "ima"], hint: SLICES };
const NIFTI: OtherFormat =
    OtherFormat { name: "NIfTI", extensions: &["nii", "nii.gz"], hint: SLICES };
const NRRD: OtherFormat =
    OtherFormat { name: "NRRD", extensions: &["nrrd", "nhdr"], hint: SLICES };
const META_IMAGE: OtherFormat =
    OtherFormat { name: "MetaImage", extensions: &["mha", "mhd"], hint: SLICES };
const MINC: OtherFormat =
    OtherFormat { name: "MINC", extensions: &["mnc"], hint: SLICES };
const FITS: OtherFormat =
    OtherFormat { name: "FITS", extensions: &["fits", "fit", "fts"], hint: TO_TIFF };
const PHOTOSHOP: OtherFormat =
    OtherFormat { name: "Photoshop (PSD)", extensions: &["psd", "psb"], hint: FLATTEN };
const GIMP: OtherFormat =
    OtherFormat { name: "GIMP (XCF)", extensions: &["xcf"], hint: FLATTEN };
const OPEN_EXR: OtherFormat = OtherFormat {
    name: "OpenEXR",
    extensions: &["exr"],
    hint: "convert these files with ImageMagick and give the folder converted: `mkdir -p converted && magick \
           mogrify -path converted -format tif -depth 32 -define \
           quantum:format=floating-point {files}`",
};
const DDS: OtherFormat = OtherFormat { name: "DDS", extensions: &["dds"], hint: TO_PNG };
const DPX: OtherFormat =
    OtherFormat { name: "DPX or Cineon", extensions: &["dpx", "cin"], hint: TO_TIFF };
const PFM: OtherFormat =
    OtherFormat { name: "PFM", extensions: &["pfm"], hint: OPEN_EXR.hint };
const ICNS: OtherFormat =
    OtherFormat { name: "ICNS", extensions: &["icns"], hint: TO_PNG };
const PCX: OtherFormat = OtherFormat { name: "PCX", extensions: &["pcx"], hint: TO_PNG };
const SGI: OtherFormat = OtherFormat { name: "SGI", extensions: &["sgi"], hint: TO_TIFF };
const SUN: OtherFormat =
    OtherFormat { name: "Sun raster", extensions: &["ras"], hint: TO_PNG };
const X_PIXMAP: OtherFormat =
    OtherFormat { name: "X bitmap or pixmap", extensions: &["xbm", "xpm"], hint: TO_PNG };
const MNG: OtherFormat =
    OtherFormat { name: "MNG or JNG", extensions: &["mng", "jng"], hint: TO_PNG };
const FLIF: OtherFormat =
    OtherFormat { name: "FLIF", extensions: &["flif"], hint: TO_PNG };
const BPG: OtherFormat = OtherFormat {
    name: "BPG",
    extensions: &["bpg"],
    hint: "convert the file with libbpg: `bpgdec -o {file}.png {file}`",
};
const DJVU: OtherFormat = OtherFormat {
    name: "DjVu",
    extensions: &["djvu", "djv"],
    hint: "convert the file with DjVuLibre: `ddjvu -format=tiff {file} {file}.tif`",
};
const MICROSCOPES: OtherFormat = OtherFormat {
    name: "a file of a microscope",
    extensions: &["czi", "lif", "nd2", "oib", "oif", "vsi", "mrxs", "zvi"],
    hint: MICROSCOPE,
};
const GEODATA: OtherFormat = OtherFormat {
    name: "a compressed map (ECW or MrSID)",
    extensions: &["ecw", "sid"],
    hint: "convert the file with GDAL: `gdal_translate {file} {file}.tif`",
};

/// Every format, for its extensions.
const OTHER_FORMATS: &[&OtherFormat] = &[
    &HEIC,
    &AVIF,
    &JPEG_2000,
    &JPEG_XL,
    &JPEG_XR,
    &JPEG_LS,
    &CAMERA_RAW,
    &DICOM,
    &NIFTI,
    &NRRD,
    &META_IMAGE,
    &MINC,
    &FITS,
    &PHOTOSHOP,
    &GIMP,
    &OPEN_EXR,
    &DDS,
    &DPX,
    &PFM,
    &ICNS,
    &PCX,
    &SGI,
    &SUN,
    &X_PIXMAP,
    &MNG,
    &FLIF,
    &BPG,
    &DJVU,
    &MICROSCOPES,
    &GEODATA,
];

/// Beginnings of files of these formats, from a byte on.
const MAGIC: &[(usize, &[u8], &OtherFormat)] = &[
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", &JPEG_2000),
    (0, b"\xff\x4f\xff\x51", &JPEG_2000),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", &JPEG_XL),
    (0, b"\xff\x0a", &JPEG_XL),
    (0, b"II\xbc\x01", &JPEG_XR),
    (0, b"\xff\xd8\xff\xf7", &JPEG_LS),
    (8, b"CR\x02\0", &CAMERA_RAW),
    (6, b"HEAPCCDR", &CAMERA_RAW),
    (0, b"FUJIFILMCCD-RAW", &CAMERA_RAW),
    (0, b"\0MRM", &CAMERA_RAW),
    (0, b"FOVb", &CAMERA_RAW),
    (0, b"IIRO", &CAMERA_RAW),
    (0, b"IIRS", &CAMERA_RAW),
    (0, b"MMOR", &CAMERA_RAW),
    (0, b"IIU\0", &CAMERA_RAW),
    (128, b"DICM", &DICOM),
    (344, b"n+1\0", &NIFTI),
    (344, b"ni1\0", &NIFTI),
    (4, b"n+2\0\r\n\x1a\n", &NIFTI),
    (0, b"NRRD", &NRRD),
    (0, b"ObjectType = Image", &META_IMAGE),
    (0, b"SIMPLE  =", &FITS),
    (0, b"8BPS", &PHOTOSHOP),
    (0, b"gimp xcf", &GIMP),
    (0, b"\x76\x2f\x31\x01", &OPEN_EXR),
    (0, b"DDS ", &DDS),
    (0, b"SDPX", &DPX),
    (0, b"XPDS", &DPX),
    (0, b"\x80\x2a\x5f\xd7", &DPX),
    (0, b"PF\n", &PFM),
    (0, b"Pf\n", &PFM),
    (0, b"icns", &ICNS),
    (0, b"\x01\xda\0", &SGI),
    (0, b"\x01\xda\x01", &SGI),
    (0, b"\x59\xa6\x6a\x95", &SUN),
    (0, b"/* XPM */", &X_PIXMAP),
    (0, b"\x8aMNG\r\n\x1a\n", &MNG),
    (0, b"\x8bJNG\r\n\x1a\n", &MNG),
    (0, b"FLIF", &FLIF),
    (0, b"BPG\xfb", &BPG),
    (0, b"AT&TFORM", &DJVU),
    (0, b"ZISRAWFILE", &MICROSCOPES),
    (0, b"\xda\xce\xbe\x0a", &MICROSCOPES),
];

/// Brands of ISO base media files, which begin with a size and `ftyp`.
const BRANDS: &[(&[u8], &OtherFormat)] = &[
    (b"avif", &AVIF),
    (b"avis", &AVIF),
    (b"crx ", &CAMERA_RAW),
    (b"jpx ", &JPEG_2000),
    (b"heic", &HEIC),
    (b"heix", &HEIC),
    (b"heim", &HEIC),
    (b"heis", &HEIC),
    (b"hevc", &HEIC),
    (b"hevx", &HEIC),
    (b"mif1", &HEIC),
    (b"msf1", &HEIC),
];

/// Beginnings of other files after white space, in lower case, with a description and a hint.
const BEGINNINGS: &[(&[u8], &str, &str)] = &[
    (b"version https://git-lfs", "a Git LFS pointer, not the image itself", LFS),
    (b"/annex/objects/", "a git-annex pointer, not the image itself", ANNEX),
    (b"<!doctype html", "a web page", DOWNLOAD),
    (b"<html", "a web page", DOWNLOAD),
    (b"<svg", "a drawing (SVG)", FORMATS),
    (b"%pdf", "a PDF document", FORMATS),
    (b"%!ps", "a PostScript document", FORMATS),
    (b"\x1a\x45\xdf\xa3", "a video", FORMATS),
    (b"pk\x03\x04", "a ZIP archive", "unpack it and give its images"),
    (b"\x1f\x8b", "a gzip archive", "unpack it and give its images"),
    (b"\x93numpy", "a NumPy array", FORMATS),
];

/// Returns whether a name ends like that of an image of a format that is not read.
pub(in crate::input) fn is_other_format(path: &Path) -> bool {
    of_name(path).is_some()
}

/// Returns the format that the extension of a name belongs to, and the length of the extension.
fn of_name(path: &Path) -> Option<(&'static OtherFormat, usize)> {
    let name = path.file_name()?.to_ascii_lowercase();
    let name = name.as_encoded_bytes();
    let ends = |extension: &&&str| {
        let before = name.strip_suffix(extension.as_bytes());
        before.is_some_and(|before| before.len() > 1 && before.ends_with(b"."))
    };
    OTHER_FORMATS.iter().find_map(|format| {
        format.extensions.iter().find(ends).map(|extension| (*format, extension.len()))
    })
}

fn of_content(bytes: &[u8]) -> Option<&'static OtherFormat> {
    let begins = |(start, magic, _): &&(usize, &[u8], _)| {
        bytes.get(*start..).is_some_and(|rest| rest.starts_with(magic))
    };
    let by_magic = MAGIC.iter().find(begins).map(|(_, _, format)| *format);
    by_magic.or_else(|| of_brands(bytes))
}

/// Returns the format by the brands of an ISO base media file: the main one is often generic.
fn of_brands(bytes: &[u8]) -> Option<&'static OtherFormat> {
    let brands = bytes.get(4..)?.strip_prefix(b"ftyp")?;
    let size = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let brands = &brands[..size.saturating_sub(8).min(brands.len()).min(256)];
    BRANDS
        .iter()
        .find(|(word, _)| brands.chunks_exact(4).any(|brand| brand == *word))
        .map(|(_, format)| *format)
}

/// Refuses images of formats that are not read although they begin like one that is: camera raw
/// files are TIFFs, and their first picture is a small preview.
pub(super) fn check(bytes: &[u8], path: &Path) -> Result<(), Refusal> {
    let is_tiff = bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*");
    match of_content(bytes) {
        Some(format) => Err(not_supported(format)),
        None if is_tiff && is_named_like(path, &CAMERA_RAW) => {
            Err(not_supported(&CAMERA_RAW))
        }
        None => Ok(()),
    }
}

/// Returns the reason for refusing a JPEG-LS.
pub(super) fn jpeg_ls() -> Refusal {
    not_supported(&JPEG_LS)
}

/// Returns the reason for refusing a TIFF that holds the data of a camera's sensor.
pub(super) fn camera_raw() -> Refusal {
    not_supported(&CAMERA_RAW)
}

fn is_named_like(path: &Path, format: &OtherFormat) -> bool {
    of_name(path).is_some_and(|(named, _)| named.name == format.name)
}

fn not_supported(format: &OtherFormat) -> Refusal {
    Refusal { message: format!("{} is not supported", format.name), hint: format.hint }
}

/// Returns the reason for refusing content that is not of an image format.
pub(super) fn refusal(bytes: &[u8], path: &Path) -> Refusal {
    let begin: Vec<u8> = bytes.trim_ascii_start().iter().take(64).copied().collect();
    let begin = begin.to_ascii_lowercase();
    let found = BEGINNINGS.iter().find(|(words, ..)| begin.starts_with(words));
    // Volumes are packed with gzip.
    let found = found.filter(|_| !is_named_like(path, &NIFTI));
    if let Some((_, what, hint)) = found {
        return Refusal { message: format!("not an image, but {what}"), hint };
    }
    if bytes.get(4..8) == Some(b"ftyp") || bytes.get(8..12) == Some(b"AVI ") {
        let message = "not an image, but a video".to_owned();
        return Refusal { message, hint: FORMATS };
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return Refusal { message: "all its bytes are 0".to_owned(), hint: SAVE_AGAIN };
    }
    if let Some((format, _)) = of_name(path) {
        return not_supported(format);
    }
    if bytes
        .iter()
        .take(512)
        .all(|&byte| matches!(byte, b'\t' | b'\n' | b'\r' | 32..=126))
    {
        return Refusal { message: "not an image, but text".to_owned(), hint: LEAVE_OUT };
    }
    let message = "not an image of a supported format".to_owned();
    Refusal { message, hint: FORMATS }
}

/// Returns a hint with names in its command: `{file}` is the file, `{files}` are all files in its
/// folder with its extension, and `{first_of_files}` is the first layer of each of these.
pub(super) fn hint_for(hint: &str, path: &Path) -> String {
    let file = quoted(&path.to_string_lossy());
    let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map(|folder| folder.to_string_lossy() + "/").unwrap_or_default();
    // The extension is ASCII, so that its length is that in the name.
    let extension = of_name(path).and_then(|(_, n)| name.get(name.len() - n..));
    let (files, first_of_files) = match extension {
        Some(extension) => (
            // The shell expands the star only outside quotes, and ImageMagick within them.
            format!(
                "{}*.{extension}",
                if folder.is_empty() { String::new() } else { quoted(&folder) }
            ),
            format!("'{}*.{extension}[0]'", folder.replace('\'', r"'\''")),
        ),
        None => (file.clone(), quoted(&format!("{}[0]", path.to_string_lossy()))),
    };
    hint.replace("{file}", &file)
        .replace("{files}", &files)
        .replace("{first_of_files}", &first_of_files)
}

/// Returns a word as a shell reads it.
pub(in crate::input) fn quoted(word: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-_./,:=+@%".contains(&byte);
    // A name that begins with a dash would be an option.
    let dash = if word.starts_with('-') { "./" } else { "" };
    if !word.is_empty() && word.bytes().all(is_plain) {
        return format!("{dash}{word}");
    }
    format!("'{dash}{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_named_for_what_they_are() {
        for (content, message, hint) in [
            (
                &b"version https://git-lfs.github.com/spec/v1\n"[..],
                "Git LFS pointer",
                LFS,
            ),
            (b"/annex/objects/SHA256E-s12--ab.jpg\n", "git-annex pointer", ANNEX),
            (b"\n <!DOCTYPE html>", "a web page", DOWNLOAD),
            (b"%PDF-1.7 \xff", "a PDF document", FORMATS),
            (b"\0\0\0\x18ftypisom\0", "a video", FORMATS),
            (&[0; 9], "all its bytes are 0", SAVE_AGAIN),
            (b"plain\nwords\n", "not an image, but text", LEAVE_OUT),
            (b"\xde\xad", "not an image of a supported format", FORMATS),
        ] {
            let refusal = refusal(content, Path::new("a.png"));
            assert!(refusal.message.contains(message), "{}", refusal.message);
            assert_eq!(refusal.hint, hint, "{message}");
        }
    }

    #[test]
    fn formats_are_recognized_by_their_content_whatever_the_name() {
        for (content, name) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "camera raw"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
            (b"\xff\x0a\xfa\x7f", "JPEG XL"),
            (b"\xff\xd8\xff\xf7\0\x0b", "JPEG-LS"),
            (b"II*\0\x10\0\0\0CR\x02\0", "camera raw"),
            (b"8BPS\0\x01", "Photoshop (PSD)"),
            (b"SIMPLE  =                    T", "FITS"),
        ] {
            let refusal = check(content, Path::new("a.jpg")).unwrap_err();
            assert_eq!(refusal.message, format!("{name} is not supported"));
        }
        let mut scan = vec![0; 128];
        scan.extend(b"DICM");
        assert!(check(&scan, Path::new("1.2.840")).is_err());
        assert!(check(b"II*\0\x08\0\0\0", Path::new("a.tif")).is_ok());
        assert!(check(b"II*\0\x08\0\0\0", Path::new("a.NEF")).is_err());
    }

    #[test]
    fn a_hint_converts_every_file_of_a_kind_in_the_folder() {
        for (hint, path, end) in [
            (TO_PNG, "photos/IMG_2.HEIC", " -format png photos/*.HEIC`"),
            (TO_PNG, "my photos/it's/a.heic", r"-format png 'my photos/it'\''s/'*.heic`"),
            (TO_PNG, "a.heic", " -format png *.heic`"),
            (TO_PNG, "IMG 2.jpg", " -format png 'IMG 2.jpg'`"),
            (SLICES, "scans/t1.nii.gz", "sys.argv[1:]]\" scans/*.nii.gz`"),
            (FLATTEN, "art/a.psd", " -format png 'art/*.psd[0]'`"),
            (BPG.hint, "-a.bpg", "`bpgdec -o ./-a.bpg.png ./-a.bpg`"),
        ] {
            let hint = hint_for(hint, Path::new(path));
            assert!(hint.ends_with(end), "{hint}");
        }
    }

    #[test]
    fn names_of_these_formats_are_known_by_their_ends() {
        for name in ["a.HEIC", "a.nii.gz", "b.c.dcm", "ä.Avif"] {
            assert!(is_other_format(Path::new(name)), "{name}");
        }
        for name in ["heic", ".heic", "a.gz", "a.png", "a.heic.txt", "nii.gz"] {
            assert!(!is_other_format(Path::new(name)), "{name}");
        }
    }
}
