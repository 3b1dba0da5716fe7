"""Small print, badges and brand names: the words of an ad that are not its claim."""

BRANDS = (
    "Vitalis",
    "Norvella",
    "Pharmia",
    "Oakwell",
    "Lumena",
    "康源",
    "益生堂",
    "百草",
    "安和",
    "清泉",
)

BADGES = (
    "NEW", "SALE", "-20%", "-50%", "$9.99", "€12", "￥39", "￥128", "2 for 1", "500 ml", "60 pcs",
    "24h", "Bio", "新品", "热卖", "特惠", "包邮", "买一送一", "六十粒", "正品", "限时",
)  # fmt: skip

CAPTIONS = (
    "Free delivery on orders over $30",
    "Terms and conditions apply",
    "Available in stores and online",
    "Dietary supplement, 60 capsules",
    "www.example.com",
    "Batch no. 20417 Exp. 08/2027",
    "Net weight 120 g",
    "Follow us for more",
    "Scan the code for details",
    "Medical device class IIa",
    "Since 1987",
    "官方旗舰店",
    "全国包邮次日达",
    "净含量120克",
    "国药准字示例",
    "保健食品批准文号示例",
    "扫码了解更多",
    "生产日期见包装",
    "会员专享价",
    "温馨提示请仔细阅读",
    "广告审查编号示例",
)

CTAS = (
    "Buy now",
    "Shop",
    "Learn more",
    "Order today",
    "Details",
    "立即购买",
    "了解详情",
    "加入购物车",
    "点击咨询",
)


def all_text() -> str:
    """Every character that a rendered ad may hold besides its claim."""
    return "".join(BRANDS + BADGES + CAPTIONS + CTAS)
