"""个人信息保护: consents, export, 注销 and retention."""
