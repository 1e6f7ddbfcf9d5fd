//! libFuzzer's way into the target `config`.
#![no_main]

use gateway_fuzz::config::run;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    run(bytes);
});
